#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# The ROM guest ends in each way that it is built for.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

command -v qemu-system-x86_64 gcc >/dev/null || { echo 'skipped: no QEMU or no gcc' && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ends_with() { # STATUS MACHINE DEFINE…
  local wanted=$1 machine=$2 greeting
  shift 2
  "$scripts/guest/build-rom" "$work/x.rom" "$@" || fail "build-rom $*"
  greeting=$(timeout 100 qemu-system-x86_64 -nodefaults -no-user-config -display none \
    -machine "$machine,accel=tcg" -m 32 -bios "$work/x.rom" -debugcon stdio -serial "file:$work/serial" \
    -device isa-debug-exit,iobase=0xf4,iosize=4 -device pvpanic -device ib700 \
    -action panic=exit-failure,watchdog=poweroff -no-reboot </dev/null)
  equal "status of $machine $*" "$wanted" $?
  equal "greeting of $machine $*" K "$greeting"
}

ends_with 11 pc EXITV=5
ends_with 0 pc OFFPC
ends_with 0 q35 OFFQ35
ends_with 0 q35 RST
ends_with 1 q35 PANIC=1
ends_with 0 q35 WATCHDOG=14
before=$EPOCHSECONDS
ends_with 0 q35 SECONDS=2 'SAY=two seconds later' OFFQ35
((EPOCHSECONDS - before >= 1)) || fail 'SECONDS=2 did not wait'
has 'a line on the serial port' "$(cat "$work/serial")" 'two seconds later'
"$scripts/guest/build-rom" "$work/x.rom" NONSENSE 2>/dev/null
equal 'an unknown variant' 2 $?
finish_checks
