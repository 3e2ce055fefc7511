#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# validate-host on two live hosts: one made for real-time guests, and one that nobody prepared.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"
inside=$(dirname "$(realpath "$0")")/validate_host_inside.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v gcc >/dev/null || { echo 'skipped: no gcc' && exit 77; }
"$scripts/guest/build-rom" "$work/halts.rom" || fail 'build-rom'

on_host() { # KIND OPTION…
  local kind=$1 code
  shift
  "$scripts/testhost" --timeout 200 --env "rom=$work/halts.rom" "$@" -- "$inside" "$kind" >"$work/out" 2>&1
  code=$?
  sed "s/^/$kind: /" "$work/out"
  skip_on_77 $code "$(tail -n 1 "$work/out")"
  ((code == 0)) || failures=$((failures + 1))
}

on_host tuned --shape small --kernel 6.1-rt --append \
  'irqaffinity=0-1 skew_tick=1 tsc=reliable rcupdate.rcu_normal_after_boot=1 nmi_watchdog=0 transparent_hugepage=never'
on_host plain --shape small-no-isolcpus --kernel 6.1
finish_checks
