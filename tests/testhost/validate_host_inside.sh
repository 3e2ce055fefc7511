#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# validate_host_inside.sh KIND: runs in the test host; validate_host_test.sh starts it.
#   tuned: a real-time kernel, isolated at boot for the VM's CPUs
#   plain: a generic kernel, nothing isolated
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"
bin=${KVMRT_BIN:-$repository/build/bin}
export KVMRT_RUNDIR=/run/kvmrt NO_COLOR=1

mkdir -p /root/etc
cat >/root/etc/vm.yaml <<YAML
name: vm
rt: true
cpuset: 3
memory: 64MiB
realtime: {emulator_cpuset: housekeeping}
boot: {firmware: ${rom:-none}}
qemu: {accel: tcg}
lifecycle: {shutdown_timeout: 1s}
YAML

# validate CODE: asks, and the exit code is to be this.
validate() {
  "$bin/kvmrt-validate-host" -f /root/etc --json >/root/told
  equal 'exit code' "$1" $?
}

# is ID STATUS [TEXT]: what it said of a check; TEXT is in what it found, or in its fix.
is() {
  local said
  said=$(python3 -c '
import json, sys
found, = [c for c in json.load(open("/root/told"))["checks"] if c["id"] == sys.argv[1]]
print(found["status"], "|", found["found"], "|", found["fix"])' "$1")
  if [[ $said == "$2 |"*"${3:-}"* ]]; then
    printf 'ok: %s: %s\n' "$1" "$said"
  else
    fail "$1: wanted '$2 … ${3:-}', found '$said'"
  fi
}

tuned() {
  local check supervisor
  validate 3 # an emulated machine has no KVM and no sound TSC
  is K1 ok
  for check in C1 C2 C3 C4 C5 C6 C7 C8; do is $check ok; done
  is H2 failed /dev/kvm
  is S6 warning 2 # kvmrt takes the sibling down at the start
  is R5 warning 950000
  sysctl -qw kernel.sched_rt_runtime_us=-1
  "$bin/kvmrt-launch" -f /root/etc vm >/root/log 2>&1 &
  supervisor=$!
  for ((i = 0; i < 600; ++i)); do
    ! grep -q 'guest runs' /root/log || break
    sleep 0.1
  done
  validate 3
  is S6 ok
  is S4 ok
  is M10 ok
  is R5 ok
  kill -TERM $supervisor
  wait $supervisor
  equal 'exit code of the VM' 0 $?
}

plain() {
  local check
  validate 3
  is K1 failed linux-image-rt-amd64
  is C1 warning nohz_full=3
  is C4 warning isolcpus=managed_irq,domain,3
  is C5 warning irqaffinity=0-1
  for check in C6 C7 C8; do is $check warning; done
}

"$1"
[[ ! ${KVMRT_SHOW:-} ]] || "$bin/kvmrt-validate-host" -f /root/etc -v
finish_checks
