# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# An initramfs of static busybox, one init and a few kernel modules. Needs
# lib/cache.bash.

# pack_initramfs IMAGE INIT KERNEL-FOLDER GROUP=MODULE,MODULE…: the modules of each
# group, with what they depend on, lie in /modules/GROUP/NN-NAME.ko in loading order.
# Each word of the variable extra_files, DESTINATION=SOURCE, puts one more file into it.
pack_initramfs() {
  local image=$1 init=$2 kernel=$3 work group names file extra number=10
  shift 3
  work=$(mktemp -d)
  mkdir -p "$work/bin"
  cp "$(command -v busybox)" "$work/bin/busybox"
  install -m 755 "$init" "$work/init"
  for extra in ${extra_files:-}; do
    install -D -m 755 "${extra#*=}" "$work/${extra%%=*}"
  done
  for group in "$@"; do
    mkdir -p "$work/modules/${group%%=*}"
    IFS=, read -ra names <<<"${group#*=}"
    while read -r file; do
      unpack_module "$file" >"$work/modules/${group%%=*}/$number-$(basename "${file%.xz}")"
      number=$((number + 1))
    done < <(module_files "$kernel/modules/$(cat "$kernel/release")" "${names[@]}")
  done
  (cd "$work" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$image.$$"
  mv "$image.$$" "$image"
  rm -rf "$work"
}

unpack_module() {
  case $1 in
    *.xz) busybox xz -dc "$1" ;;
    *) cat "$1" ;;
  esac
}
