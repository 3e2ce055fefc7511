#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# With --systemd the command is a unit under a live systemd, and may shut it down.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2016 # expanded inside
found=$("$scripts/testhost" --shape small --systemd --timeout 600 --out "$work/out" -- sh -c '
  echo "first $(cat /proc/1/comm)"
  echo "unit $(cut -d : -f 3 /proc/self/cgroup)"
  systemctl start testhost.target && echo "target $(systemctl is-active testhost.target)"
  trap "echo stopped >$TESTHOST_OUT/stopped; exit" TERM
  echo 7 >"$TESTHOST_RC"
  systemctl poweroff
  while :; do sleep 1; done' 2>"$work/stderr")
code=$?
skip_on_77 $code "$(cat "$work/stderr")"

equal 'exit code given before the shutdown' 7 $code
line() { grep "^$1 " <<<"$found" | cut -d ' ' -f 2-; }
equal 'PID 1' systemd "$(line first)"
equal "the command's cgroup" /system.slice/testhost.service "$(line unit)"
equal 'the target' active "$(line target)"
equal 'the shutdown stopped the unit' stopped "$(cat "$work/out/stopped")"
has 'the journal in the log' "$(cat "$work/out/console.log")" 'Stopped testhost.service'
((failures == 0)) || cat "$work/stderr"
finish_checks
