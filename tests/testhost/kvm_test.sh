#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# The AMD shape has a KVM that boots a stock Linux guest.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
said=$("$scripts/guest/build-linux" "$work" 2>&1)
skip_on_77 $? "$said"

found=$("$scripts/testhost" --shape amd-kvm --timeout 600 -- timeout 400 qemu-system-x86_64 \
  -nodefaults -no-user-config -display none -machine q35 -accel kvm -cpu host -smp 2 -m 256 \
  -serial stdio -kernel "$work/vmlinuz" -initrd "$work/guest.img" \
  -append 'console=ttyS0 quiet' 2>"$work/stderr")
code=$?
skip_on_77 $code "$(cat "$work/stderr")"
equal "QEMU's status" 0 $code
has 'the guest sees KVM' "$found" 'kvmrt-guest: hypervisor kvm'
has 'both vCPUs run' "$found" 'kvmrt-guest: cpus 0-1'
has 'the guest gets to its end' "$found" 'kvmrt-guest: poweroff'
((failures == 0)) || cat "$work/stderr"
finish_checks
