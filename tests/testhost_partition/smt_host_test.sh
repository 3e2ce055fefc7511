#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR disable=SC2154,SC2054
# smt_host_test.sh KERNEL CLASS…: classes of tests/launch/smt_host_test.py on a host of 8 CPUs with
# siblings: SmtHost with a managed interrupt for each CPU, Neighbours with Debian's irqbalance.
set -uo pipefail
prog=smt_host_test
# shellcheck source=../testhost/checks.bash
source "$(dirname "$0")/../testhost/checks.bash"
# shellcheck source=../../scripts/lib/cache.bash
source "$scripts/lib/cache.bash"

# Unpacked, not installed: installing would start it here.
fetch_irqbalance() {
  local folder
  folder=$(cache_dir)/irqbalance
  if [[ ! -x $folder/usr/sbin/irqbalance ]]; then
    apt_for bookworm
    apt-get "${apt_options[@]}" update >&2 && mkdir -p "$folder" &&
      (cd "$folder" && apt-get "${apt_options[@]}" download irqbalance >&2 &&
        dpkg -x irqbalance_*.deb .) || return
  fi
  ldd "$folder/usr/sbin/irqbalance" | grep -q 'not found' || echo "$folder/usr/sbin/irqbalance"
}

kernel=$1
shift
[[ $* != *Neighbours* ]] || KVMRT_IRQBALANCE=$(fetch_irqbalance)
export KVMRT_IRQBALANCE=${KVMRT_IRQBALANCE:-}
# Not beside irqbalance 1.9.2, which crashes on interrupts that it cannot move (its issue 267).
disk=(--modules virtio_blk -q -blockdev -q null-co,node-name=n0,size=67108864,read-zeroes=on
  -q -device -q virtio-blk-pci,drive=n0,num-queues=8,vectors=10)
[[ $* != *Neighbours* ]] || disk=()
exec "$scripts/testhost" --shape no-isolcpus --kernel "$kernel" --timeout 900 "${disk[@]}" \
  -- python3 "$repository/tests/launch/run.py" "${@/#/smt_host_test.}"
