#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# The default shape is the machine that it promises, and brings back what ran there.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2154,SC2317 # runs in the machine
inside() {
  cd /sys/devices/system || exit
  echo "cpus $(cat cpu/online)"
  echo "node0 $(cat node/node0/cpulist)"
  echo "node1 $(cat node/node1/cpulist)"
  echo "siblings $(cat cpu/cpu6/topology/thread_siblings_list)"
  echo "isolated $(cat cpu/isolated)"
  echo "nohz_full $(cat cpu/nohz_full)"
  echo "realtime $(cat /sys/kernel/realtime)"
  echo "controllers $(cat /sys/fs/cgroup/cgroup.controllers)"
  echo 0 >cpu/cpu7/online && echo "online $(cat cpu/online)"
  echo "directory $directory"
  echo "variable $KVMRT_SMOKE"
  echo "arguments $*"
  echo 'to stderr' >&2
  echo 'through /dev/stdout' >/dev/stdout
  seq 100000 >"$TESTHOST_OUT/numbers"
  : >/testhost-was-here
  exit 42
}

cd "$work" || exit
# shellcheck disable=SC2016 # expanded inside
found=$(KVMRT_SMOKE='a "b" $c' "$scripts/testhost" --timeout 600 --out "$work/out" \
  bash -c "directory=\$PWD; $(declare -f inside); inside \"\$@\"" bash 'one  1' two 2>"$work/stderr")
code=$?
skip_on_77 $code "$(cat "$work/stderr")"

equal 'exit code' 42 $code
line() { grep "^$1 " <<<"$found" | cut -d ' ' -f 2-; }
equal 'CPUs' 0-7 "$(line cpus)"
equal 'CPUs of node 0' 0-3 "$(line node0)"
equal 'CPUs of node 1' 4-7 "$(line node1)"
equal 'SMT siblings' 6-7 "$(line siblings)"
equal 'isolated CPUs' 2-3,6-7 "$(line isolated)"
equal 'nohz_full CPUs' 2-3,6-7 "$(line nohz_full)"
equal 'PREEMPT_RT' 1 "$(line realtime)"
has 'cgroup v2 controllers' "$(line controllers)" cpuset
equal 'a CPU goes offline' 0-6 "$(line online)"
equal 'working directory' "$work" "$(line directory)"
# shellcheck disable=SC2016
equal 'variables handed in' 'a "b" $c' "$(line variable)"
equal 'arguments' 'one  1 two' "$(line arguments)"
has 'stdout reopened' "$found" 'through /dev/stdout'
equal 'stderr' 'to stderr' "$(cat "$work/stderr")"
equal 'file brought back' "$(seq 100000 | sha256sum)" "$(sha256sum <"$work/out/numbers")"
has "the kernel's log brought back" "$(cat "$work/out/console.log")" 'Power down'
equal 'changes stay inside' '' "$(ls /testhost-was-here 2>/dev/null)"
finish_checks
