#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# The Linux guest reports what it sees and ends as its command line says, under emulation.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
said=$("$scripts/guest/build-linux" "$work" 2>&1)
skip_on_77 $? "$said"

run() { # MODE, HMP commands on stdin
  timeout 400 qemu-system-x86_64 -nodefaults -no-user-config -display none -machine q35 \
    -accel tcg,thread=multi,tb-size=64 -smp 2 -m 256 -no-reboot -device pvpanic \
    -action panic=exit-failure -kernel "$work/vmlinuz" -initrd "$work/guest.img" \
    -append "console=ttyS0 quiet kvmrt.mode=$1" -serial "file:$work/$1.log" -monitor stdio >/dev/null
}

press_power_button_when_ready() { # MODE
  local tries
  for ((tries = 0; tries < 3000; ++tries)); do
    ! grep -q 'kvmrt-guest: ready' "$work/$1.log" 2>/dev/null || break
    sleep 0.1
  done
  echo system_powerdown
  sleep 60 # an end of input would close the monitor
}

run poweroff </dev/null
equal 'status of poweroff' 0 $?
log=$(cat "$work/poweroff.log")
has 'CPUs' "$log" 'kvmrt-guest: cpus 0-1'
has 'memory' "$log" 'kvmrt-guest: memory 2'
has 'command line' "$log" 'kvmrt-guest: cmdline console=ttyS0 quiet kvmrt.mode=poweroff'
has 'ready' "$log" 'kvmrt-guest: ready'

run panic </dev/null
equal 'status of panic, seen by pvpanic' 1 $?

run idle < <(press_power_button_when_ready idle)
equal 'status of idle at the power button' 0 $?
has 'the button' "$(cat "$work/idle.log")" 'kvmrt-guest: power button'
finish_checks
