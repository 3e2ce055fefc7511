#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source-path=SCRIPTDIR disable=SC2154,SC2054
# smt_host_test.sh KERNEL CLASS…: classes of tests/launch/smt_host_test.py on a host of 8 CPUs with
# siblings: SmtHost and SmtSiblings with a managed interrupt for each CPU, Neighbours with Debian's
# own irqbalance, tuned and libvirtd.
set -uo pipefail
prog=smt_host_test
# shellcheck source=../testhost/checks.bash
source "$(dirname "$0")/../testhost/checks.bash"
# shellcheck source=../../scripts/lib/cache.bash
source "$scripts/lib/cache.bash"

# Unpacked, not installed: installing would start them here. They become part of the emulated
# host's files, which are this machine's: what else they need is there or they are missing.
packages=(irqbalance tuned python3-dbus python3-gi python3-pyudev python3-linux-procfs
  libvirt-daemon libvirt0 libyajl2 libssh-4 libparted2 libpcap0.8)
fetch_neighbours() {
  local folder new
  folder=$(cache_dir)/neighbours
  if [[ ! -e $folder ]]; then
    apt_for bookworm
    new=$(mktemp -d "$folder.XXXXXX") && apt-get "${apt_options[@]}" update >&2 &&
      (cd "$new" && apt-get "${apt_options[@]}" download "${packages[@]}" >&2 &&
        for package in *.deb; do dpkg -x "$package" . || exit; done && rm -- *.deb) &&
      mv "$new" "$folder" || return
  fi
  echo "$folder"
}

kernel=$1
shift
[[ $* != *Neighbours* ]] || KVMRT_NEIGHBOURS=$(fetch_neighbours)
export KVMRT_NEIGHBOURS=${KVMRT_NEIGHBOURS:-}
# Not beside irqbalance 1.9.2, which crashes on interrupts that it cannot move (its issue 267).
disk=(--modules virtio_blk -q -blockdev -q null-co,node-name=n0,size=67108864,read-zeroes=on
  -q -device -q virtio-blk-pci,drive=n0,num-queues=8,vectors=10)
[[ $* != *Neighbours* ]] || disk=()
exec "$scripts/testhost" --shape no-isolcpus --kernel "$kernel" --timeout 900 "${disk[@]}" \
  -- python3 "$repository/tests/launch/run.py" "${@/#/smt_host_test.}"
