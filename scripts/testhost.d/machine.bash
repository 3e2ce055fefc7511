# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # the shape's values come from shapes.bash
# SPDX-License-Identifier: MIT
#
# The emulated machine: its initramfs and QEMU's command line.

# make_initramfs KERNEL-FOLDER: prints the image's path; made once for each kernel
# and each text of init.
make_initramfs() {
  local image
  image=$1/testhost-$(cat "$here"/{testhost.d/{init,machine.bash},lib/initramfs.bash} | sha256sum | cut -c1-12).cpio.gz
  if [[ ! -e $image ]]; then
    rm -f "$1"/testhost-*.cpio.gz
    pack_initramfs "$image" "$here/testhost.d/init" "$1" root=virtio_pci,9pnet_virtio,9p,overlay
  fi
  printf '%s\n' "$image"
}

# set_topology MEMORY-MIB: -smp and a NUMA node for each socket, memory shared evenly.
set_topology() {
  local sockets=${smp[0]} per_socket=$((smp[1] * smp[2])) node
  topology=(-smp "$((sockets * per_socket)),sockets=$sockets,cores=${smp[1]},threads=${smp[2]}"
    -m "${1}M")
  for ((node = 0; node < sockets; ++node)); do
    topology+=(-object "memory-backend-ram,id=m$node,size=$(($1 / sockets))M"
      -numa "node,nodeid=$node,memdev=m$node,cpus=$((node * per_socket))-$(((node + 1) * per_socket - 1))")
  done
}

share() { # TAG FOLDER OPTIONS
  printf '%s\n' -fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$3" \
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1"
}

# set_machine RUN-FOLDER: the whole of QEMU's command line, in `machine`.
set_machine() {
  local run=$1 shares
  mapfile -t shares < <(
    share hostroot / ,readonly=on
    share testhost "$run" ''
    share kernels "$(cache_dir)/kernels" ,readonly=on
    if [[ $out ]]; then share out "$(realpath "$out")" ''; fi
  )
  machine=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
    -machine q35 -accel tcg,thread=multi -cpu "$cpu" "${topology[@]}"
    -kernel "$kernel_folder/vmlinux" -initrd "$initramfs"
    -append "console=ttyS0 panic=-1 quiet mitigations=off $boot_args testhost.release=$release $append"
    -chardev "file,id=log,path=$run/console.log" -serial chardev:log
    -device virtio-serial-pci "${shares[@]}" "${devices[@]}" "${qemu_args[@]}")
}
