#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# service_test.sh BUILD: the package of a build folder, installed and used under a live systemd in
# the test host.
set -euo pipefail
build=$(readlink -f "$1")
here=$(readlink -f "$(dirname "$0")")
# Not in /tmp: the test host has one of its own.
work=$(mktemp -d -p "$build")
trap 'rm -rf "$work"' EXIT
command -v dpkg-shlibdeps > /dev/null || { echo "dpkg-dev is not installed"; exit 77; }
(cd "$build" && umask 022 && cpack -G DEB -B "$work") > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$here/../../scripts/guest/build-rom" "$work/halts.rom"
"$here/../../scripts/testhost" --shape amd-kvm --systemd --timeout 900 --out "$work/out" -- \
  "$here/service_inside.sh" "$work"/kvmrt_*.deb "$work/halts.rom"

# The host's own shutdown: the supervisor ended its guest, systemd killed nobody.
log=$work/out/console.log
down() { sed -n '/kvmrt: the host goes down/,$p' "$log" | grep -q -e "$1"; }
wrong() { echo "service_test: $*"; tail -n 60 "$log"; exit 1; }
down 'Stopped .*kvmrt@unit-1.service' || wrong "the shutdown did not stop the unit"
! down 'kvmrt@unit-1.service: .*\(Killing\|timed out\|Failed\)' || wrong "systemd had to use force"
echo "service_test: the host went down in order"
