#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# appliance_test.sh BUILD: an image is built around a VM, boots, its unit runs the VM to its end, and
# what the image says of itself comes back. Some 10 minutes.
set -euo pipefail
build=$(readlink -f "$1")
root=$(readlink -f "$(dirname "$0")/../..")
[ "$(id -u)" -eq 0 ] || { echo "making a Debian system needs root"; exit 77; }
work=$(mktemp -d -p "$build" appliance.XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=0
has() { grep -qE "$1" "$work/report" || { echo "appliance_test: the report has no '$1'"; failed=1; }; }

# Busy for long enough that a thread table can be read, then it powers itself off.
"$root/scripts/guest/build-rom" "$work/guest.rom" 'SAY=the guest ran' SECONDS=60 OFFQ35
cat > "$work/plant.yaml" <<YAML
name: plant
rt: true
cpuset: 2-3
memory: 64MiB
boot: {firmware: guest.rom}
qemu: {accel: tcg}
YAML
"$root/scripts/appliance" --build "$build" --output "$work/plant.img" "$work/plant.yaml"
[ "$SECONDS" -le 600 ] || echo "appliance_test: it took $SECONDS s to build, on this machine at this hour"
"$root/scripts/appliance" --run "$work/plant.img" > "$work/report" || failed=1
cat "$work/report"
has '^active'
has '^plant +running'
has 'vcpu +vcpu0 +fifo +1 3 .* yes$'
has 'isolcpus|isolated'
has '^== validate-host'
has '[0-9]+ ok'
has 'the guest ran'
has 'guest powered off; host restored'
has '^== end success 0'
exit "$failed"
