#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# What scripts/testhost says before it boots anything.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

refused() { # WANTED-PART OPTION…
  local wanted=$1 said
  shift
  said=$("$scripts/testhost" "$@" 2>&1 >/dev/null </dev/null)
  equal "exit code of: $*" 2 $?
  has "message of: $*" "$said" "$wanted"
}

refused "no shape 'nope'" --shape nope -- true
refused "no kernel '5.4'" --kernel=5.4 -- true
refused "wants a number above 0, not '1h'" --timeout 1h -- true
refused "unknown option '--bogus'" --bogus x -- true
refused 'its value is missing' --shape
refused 'wants NAME=VALUE' --env nothing -- true
has 'the list of shapes' "$("$scripts/testhost" --list)" 'managed-irq'
has 'the list of kernels' "$("$scripts/testhost" --list)" '6.12-rt'
has 'the help' "$("$scripts/testhost" --help)" 'Exit status:'
finish_checks
