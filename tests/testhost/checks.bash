# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# Checks for tests in bash: each says what failed, `finish_checks` gives the exit code.
repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scripts=$repository/scripts
failures=0

fail() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

equal() { # WHAT WANTED FOUND
  if [[ $2 == "$3" ]]; then printf 'ok: %s\n' "$1"; else fail "$1: wanted '$2', found '$3'"; fi
}

has() { # WHAT TEXT PART
  if [[ $2 == *"$3"* ]]; then printf 'ok: %s\n' "$1"; else fail "$1: '$3' is not in: $2"; fi
}

# skip_on_77 CODE TEXT: what is needed cannot be had on this machine.
skip_on_77() {
  (($1 != 77)) || { printf 'skipped: %s\n' "$2" && exit 77; }
}

finish_checks() { exit $((failures > 0)); }
