#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR
# PCI passthrough on a machine with an IOMMU: devices go to a guest and come back.
set -uo pipefail
# shellcheck source=checks.bash
source "$(dirname "$0")/checks.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rom=$work/guest.rom
command -v gcc >/dev/null || { echo 'skipped: no gcc' && exit 77; }
"$scripts/guest/build-rom" "$rom" 'SAY=halts' || fail 'build-rom'

"$scripts/testhost" --shape iommu --timeout 300 --env "rom=$rom" \
  "$(dirname "$(realpath "$0")")/pci_inside.sh" >"$work/out" 2>&1
code=$?
cat "$work/out"
skip_on_77 $code "$(tail -n 1 "$work/out")"
exit $code
