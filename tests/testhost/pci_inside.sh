#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# Runs in the test host's shape `iommu`; pci_test.sh starts it. $rom: a guest that halts.
# First PCI passthrough, then a host file's services, which need CPUs to spare too.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

bin=${KVMRT_BIN:-$repository/build/bin}
card=0000:00:10.0 used=0000:00:11.0 shared=0000:01:01.0
export KVMRT_RUNDIR=/run/kvmrt NO_COLOR=1

driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }
override() { cat "/sys/bus/pci/devices/$1/driver_override"; }
group() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }

profile() { # ADDRESS…
  local list
  list=$(printf '"%s", ' "$@")
  # shellcheck disable=SC2154 # handed in
  cat >/root/vm.yaml <<YAML
name: vm
memory: 32MiB
boot: {firmware: $rom}
pci: [${list%, }]
qemu: {accel: tcg}
lifecycle: {shutdown_timeout: 1s}
YAML
}

until_true() { # SECONDS COMMAND…: polls
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

state_says() { grep -q "\"$1\"" /run/kvmrt/vms/vm/state.json 2>/dev/null; }
qemu_pid() { pgrep -f -o 'qemu-system.*guest=vm|qemu-system.*-name vm'; }
gone() { ! kill -0 "$1" 2>/dev/null; }

start() {
  rm -f /run/kvmrt/vms/vm/state.json # that of a killed supervisor says "running" for ever
  "$bin/kvmrt-launch" -v -f /root/etc /root/vm.yaml >/root/log 2>&1 &
  supervisor=$!
  until_true 100 state_says running || fail "the guest does not run: $(cat /root/log)"
}

# refused WHAT ADDRESS TEXT…: and the driver stays.
refused() {
  local what=$1 address=$2 said text before
  shift 2
  before=$(driver "$address")
  said=$("$bin/kvmrt-launch" -f /root/etc /root/vm.yaml 2>&1)
  equal "$what: exit code" 3 $?
  for text in "$@"; do has "$what" "$said" "$text"; done
  equal "$what: driver" "$before" "$(driver "$address")"
}

mkdir -p /root/etc
equal 'driver before' e1000e "$(driver $card)"

profile $card
start
equal 'driver while the guest has it' vfio-pci "$(driver $card)"
has 'QEMU has the group open' "$(ls -l /proc/"$(qemu_pid)"/fd)" "/dev/vfio/$(group $card)"
equal 'the other card' e1000e "$(driver $used)"
kill -TERM $supervisor
wait $supervisor
equal 'exit code of a stop' 0 $?
equal 'driver after it' e1000e "$(driver $card)"
equal 'override after it' '(null)' "$(override $card)"

start
qemu=$(qemu_pid)
kill -KILL $supervisor
"$bin/kvmrt-recover" >/dev/null
equal 'a kept guest keeps its device' vfio-pci "$(driver $card)"
kill -KILL "$qemu"
until_true 30 gone "$qemu" || fail 'QEMU lives on'
"$bin/kvmrt-recover" >/dev/null
equal 'recover: exit code' 0 $?
equal 'driver after recover' e1000e "$(driver $card)"
equal 'override after recover' '(null)' "$(override $card)"

profile $shared
refused 'half of a group' $shared "IOMMU group $(group $shared)" 0000:01:02.0 'driver e1000'
profile $used
ip link set "$(ls /sys/bus/pci/devices/$used/net)" up
refused 'an interface that is up' $used "the host uses $used" 'take its interface down'
profile 0000:00:1e.0
said=$("$bin/kvmrt-launch" -f /root/etc /root/vm.yaml 2>&1)
has 'a device that is not there' "$said" 'no PCI device 0000:00:1e.0'

# One service binds its poll thread by itself, the other has to be placed.
sleep 1000 &
plain=$!
taskset -c 2 sleep 1000 &
bound=$!
until_true 10 grep -q sleep /proc/$bound/comm || fail 'the poll thread does not start'
echo $plain >/run/plain.pid
echo $bound >/run/bound.pid
cat >/root/etc/host.yaml <<'YAML'
services:
  - {unit: /run/plain.pid, cpus: 1, priority: 10}
  - {unit: /run/bound.pid, cpus: 2, priority: 11}
YAML
cat >/root/vm.yaml <<YAML
name: vm
memory: 32MiB
boot: {firmware: $rom}
rt: true
cpuset: 3
realtime: {emulator_cpuset: housekeeping}
qemu: {accel: tcg}
lifecycle: {shutdown_timeout: 1s}
YAML
cpus_of() { sed -n 's/^Cpus_allowed_list:\s*//p' "/proc/$1/status"; }
policy_of() { chrt -p "$1" | sed -n 's/.*: //p' | tr '\n' ' '; }
before="$(cpus_of $plain) $(policy_of $plain)$(cpus_of $bound) $(policy_of $bound)"
start
equal 'the placed service: CPUs' 1 "$(cpus_of $plain)"
equal 'the placed service: policy' 'SCHED_FIFO 10 ' "$(policy_of $plain)"
equal 'the bound service: CPUs' 2 "$(cpus_of $bound)"
equal 'the bound service: policy' 'SCHED_FIFO 11 ' "$(policy_of $bound)"
equal 'others keep off their CPUs' 0 "$(cpus_of $$)"
kill -TERM $supervisor
wait $supervisor
equal 'exit code of a stop' 0 $?
equal 'the services as before' "$before" \
  "$(cpus_of $plain) $(policy_of $plain)$(cpus_of $bound) $(policy_of $bound)"
kill $plain $bound
finish_checks
