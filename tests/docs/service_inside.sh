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
cpuset: 2-3
memory: 64MiB
boot: {firmware: $rom}
lifecycle: {shutdown_timeout: 2s}
YAML
settings > /tmp/before
# An emulated machine may stand still for longer than a real one would.
mkdir -p /run/systemd/system/kvmrt@.service.d
printf '[Service]\nWatchdogSec=300\nTimeoutStartSec=300\n' > /run/systemd/system/kvmrt@.service.d/slow.conf
systemctl daemon-reload
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

second=$(main_pid)
equal 'reloaded' 0 "$(systemctl reload "$unit"; echo $?)"
reloaded() { [ "$(journalctl -u "$unit" --no-pager | grep -c 'adopted the running QEMU')" -ge 2 ]; }
await 60 reloaded
equal 'its program is replaced in the same process' "$second" "$(main_pid)"
equal 'the guest did not notice' "$qemu running" "$(qemu_pid) $(state)"
masks() { cat /proc/"$qemu"/task/*/status | grep Cpus_allowed_list; }
placed=$(masks)
systemctl daemon-reload
date -s '+1 day' > /dev/null
sleep 1
equal 'daemon-reload and a clock that jumps move no thread' "$placed" "$(masks)"
equal 'and end nothing' "$qemu running" "$(qemu_pid) $(state)"

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

kvmrt-sync-config
equal 'sync wants the unit' kvmrt.target "$(systemctl show -P WantedBy "$unit")"
systemctl start kvmrt.target
equal 'the target starts the VM' active "$(systemctl is-active "$unit")"
before() { # UNIT UNIT: the first was up before the second began
  [ "$(systemctl show -P ExecMainExitTimestampMonotonic "$1")" -le "$(systemctl show -P ExecMainStartTimestampMonotonic "$2")" ]
}
equal 'recover came before the guest' yes "$(before kvmrt-recover.service "$unit" && echo yes)"
systemctl stop kvmrt.target
stopped() { [ "$(systemctl is-active "$unit")" = inactive ]; }
await 60 stopped # the unit's stop follows from the target's, which does not wait for it
equal 'and stops it' inactive "$(systemctl is-active "$unit")"
equal 'recover found nothing amiss' success "$(systemctl show -P Result kvmrt-recover.service)"

equal 'boot starts the unit' 'unit-1: starting' "$(kvmrt-boot | head -n 1)"
equal 'which runs then' active "$(systemctl is-active "$unit")"
kvmrt-validate-host --json > /tmp/fit || true
equal 'validate-host sees this host' 'failed 1' \
  "$(python3 -c 'import json; d = json.load(open("/tmp/fit")); print(d["verdict"], int(len(d["checks"]) > 100))')"
equal 'so does anybody' 'failed 1' \
  "$(setpriv --reuid 65534 --regid 65534 --clear-groups kvmrt-validate-host --json |
     python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["verdict"], int(len(d["checks"]) > 100))')"
kvmrt-shutdown
equal 'shutdown stops it, and the unit has ended with it' inactive "$(systemctl is-active "$unit")"

# A supervisor that has just been killed is about to be replaced: none of it may come back.
sed -i 's/on_supervisor_death: kill/on_supervisor_death: keep/' /etc/kvmrt/unit-1.yaml
systemctl start "$unit" || failed=1
qemu=$(qemu_pid)
kill -KILL "$(main_pid)"
kvmrt-shutdown --force
equal 'shutdown stops a VM whose supervisor was killed' '' "$(ls -d /proc/"$qemu" 2>/dev/null)"
sleep 3
equal 'and it stays stopped' inactive "$(systemctl is-active "$unit")"

# What the package does at its removal, with a guest running.
systemctl start "$unit"
sh /var/lib/dpkg/info/kvmrt.prerm remove
equal 'removal stops the guests' inactive "$(systemctl is-active "$unit")"
settings > /tmp/after
equal 'the host is as before once more' '' "$(diff /tmp/before /tmp/after)"

[ "$failed" -eq 0 ] || journalctl --no-pager -u 'kvmrt*' | tail -n 60
[ "$failed" -eq 0 ] || exit 1

# The host goes down with a guest that has not ended; the caller reads the log of it.
systemctl start "$unit" || exit 1
# By the journal, like what comes after it: the kernel would not show it with `quiet`.
echo 'kvmrt: the host goes down' | systemd-cat -t service_inside
echo 0 > "$TESTHOST_RC"
systemctl --no-block poweroff
while :; do sleep 1; done
