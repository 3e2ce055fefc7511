#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# units_test.sh KVMRT: systemd accepts the shipped units, and the times in them leave room for the
# supervisor's own.
set -euo pipefail
kvmrt=$(readlink -f "$1")
root=$(readlink -f "$(dirname "$0")/../..")
command -v systemd-analyze > /dev/null || { echo "systemd-analyze is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
complain() { echo "units_test: $*" >&2; failed=1; }

# A host as the package makes it, as far as systemd looks at it.
mkdir -p "$scratch/bin" "$scratch/usr/bin" "$scratch/usr/lib/systemd/system" "$scratch/etc/systemd/system"
for name in kvmrt kvmrt-launch kvmrt-recover kvmrt-siblings; do cp "$kvmrt" "$scratch/usr/bin/$name"; done
cp /bin/sh "$scratch/bin"
cp "$root"/scripts/systemd/*.service "$root"/scripts/systemd/*.target "$scratch/usr/lib/systemd/system/"
cp /lib/systemd/system/*.target /lib/systemd/system/*.slice /lib/systemd/system/-.slice \
  "$scratch/usr/lib/systemd/system/" 2>/dev/null || true
for unit in kvmrt@line-3.service kvmrt.target kvmrt-recover.service kvmrt-siblings.service; do
  # Other units are this machine's business: only what is said of ours counts.
  said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no \
    --root="$scratch" "$unit" 2>&1) || complain "$unit: $said"
  case "$said" in *kvmrt*) complain "$unit: $said" ;; esac
done

value() { sed -n "s/^$1=//p" "$root/scripts/systemd/kvmrt@.service"; }
[ "$(value Type)" = notify ] || complain "the unit does not wait for proof"
[ "$(value KillMode)" = process ] || complain "systemd would kill QEMU over the supervisor's head"
# kQuitLimit, kTerminateLimit and kKillLimit of the stop chain, after the default shutdown_timeout.
chain=60
while read -r limit; do chain=$((chain + limit / 1000)); done < <(
  sed -n 's/^constexpr milliseconds k\(Quit\|Terminate\|Kill\)Limit{\([0-9]*\)};/\2/p' "$root/launcher/lifecycle.cc")
[ "$chain" -gt 60 ] || complain "the stop chain's limits were not found"
[ "$(value TimeoutStopSec)" -gt "$chain" ] || complain "TimeoutStopSec is not above the stop chain, $chain s"
[ "$failed" -eq 0 ] && echo "units_test: units verified, stop chain $chain s"
exit "$failed"
