#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# service_inside.sh DEB ROM: runs inside the test host, under a live systemd: the package is
# installed and its units do what they promise.
set -uo pipefail
deb=$1
rom=$2
failed=0
step() { printf '%s %s\n' "$(cut -d ' ' -f 1 /proc/uptime)" "$*"; }
equal() { # WHAT WANTED FOUND
  [ "$2" = "$3" ] && { step "ok: $1"; return; }
  step "FAILED: $1: wanted '$2', found '$3'"
  failed=1
}
unit=kvmrt@unit-1.service
main_pid() { systemctl show -P MainPID "$unit"; }
qemu_pid() { kvmrt-stat --json unit-1 | sed -n 's/.*"pid": \([0-9]*\).*/\1/p' | head -n 1; }
state() { kvmrt-stat --json unit-1 | sed -n 's/.*"state": "\([a-z]*\)".*/\1/p' | head -n 1; }
await() { # SECONDS COMMAND…
  local i
  for ((i = 0; i < $1 * 5; i++)); do "${@:2}" && return; sleep 0.2; done
  return 1
}
settings() {
  grep -H . /proc/irq/default_smp_affinity /proc/irq/*/smp_affinity_list \
    /sys/devices/system/cpu/cpu*/online /sys/devices/virtual/workqueue/cpumask \
    /proc/sys/kernel/watchdog_cpumask /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
  ls -d /sys/fs/cgroup/kvmrt-* 2>/dev/null
}

# Without triggers: renewing the manual index takes minutes in an emulated machine.
dpkg --force-depends --no-triggers -i "$deb" > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
cat > /etc/kvmrt/unit-1.yaml <<YAML
name: unit-1
rt: true
cpuset: 3
memory: 64MiB
realtime: {emulator_cpuset: housekeeping}
boot: {firmware: $rom}
lifecycle: {shutdown_timeout: 2s}
YAML
settings > /tmp/before
equal 'the state folder is made' '700 root' "$(stat -c '%a %U' /run/kvmrt)"

systemctl start "$unit" || { journalctl -u "$unit" --no-pager | tail -n 30; failed=1; }
equal 'active when started' active "$(systemctl is-active "$unit")"
equal 'the guest runs' running "$(state)"
qemu=$(qemu_pid)
first=$(main_pid)

kill -KILL "$first"
adopted() { [ "$(main_pid)" != "$first" ] && [ "$(systemctl is-active "$unit")" = active ]; }
await 60 adopted
equal 'a killed supervisor is replaced' active "$(systemctl is-active "$unit")"
equal 'the guest is the same' "$qemu" "$(qemu_pid)"
equal 'and is supervised' running "$(state)"
equal 'one restart' 1 "$(systemctl show -P NRestarts "$unit")"

systemctl stop "$unit"
equal 'stopped' inactive "$(systemctl is-active "$unit")"
equal 'as a success' success "$(systemctl show -P Result "$unit")"
equal 'QEMU is gone' '' "$(ls -d /proc/"$qemu" 2>/dev/null)"
settings > /tmp/after
equal 'the host is as before' '' "$(diff /tmp/before /tmp/after)"

sed -i 's/shutdown_timeout: 2s/shutdown_timeout: 2s, on_supervisor_death: kill/' /etc/kvmrt/unit-1.yaml
systemctl reset-failed "$unit" 2>/dev/null
systemctl start "$unit" || failed=1
qemu=$(qemu_pid)
first=$(main_pid)
kill -KILL "$first"
await 60 adopted
equal 'on_supervisor_death: kill: a new guest runs' active "$(systemctl is-active "$unit")"
equal 'the old one died' '' "$(ls -d /proc/"$qemu" 2>/dev/null)"
systemctl stop "$unit"

systemctl -q add-wants kvmrt.target "$unit"
systemctl start kvmrt.target
equal 'the target wants the VM' active "$(systemctl is-active "$unit")"
systemctl stop kvmrt.target
stopped() { [ "$(systemctl is-active "$unit")" = inactive ]; }
await 60 stopped # the unit's stop follows from the target's, which does not wait for it
equal 'and stops it' inactive "$(systemctl is-active "$unit")"
equal 'recover found nothing amiss' success "$(systemctl show -P Result kvmrt-recover.service)"

rm /etc/kvmrt/unit-1.yaml # purging leaves profiles, and the folder with them
dpkg -L kvmrt | grep kvmrt > /tmp/files
dpkg --no-triggers -P kvmrt > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; failed=1; }
equal 'purged' '' "$(xargs -d '\n' ls -d /etc/systemd/system/kvmrt* < /tmp/files 2> /dev/null)"
[ "$failed" -eq 0 ] || journalctl --no-pager -u 'kvmrt*' | tail -n 60
exit "$failed"
