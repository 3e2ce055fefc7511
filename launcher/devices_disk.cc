// SPDX-License-Identifier: MIT
#include "launcher/devices_disk.h"

namespace kvmrt::launcher {

std::string image_format(const profiles::Disk& disk) {
  if (!disk.format.empty()) return disk.format;
  return disk.path.ends_with(".qcow2") ? "qcow2" : "raw";
}

std::string disk_bus(const profiles::Disk& disk) {
  if (disk.media == "cdrom" && disk.bus == "virtio") return "sata";
  return disk.bus;
}

bool image_readonly(const profiles::Disk& disk) { return disk.readonly || disk.media == "cdrom"; }

bool cache_direct(const profiles::Disk& disk) {
  return disk.cache == "none" || disk.cache == "directsync";
}

bool cache_writeback(const profiles::Disk& disk) {
  return disk.cache != "writethrough" && disk.cache != "directsync";
}

std::string image_aio(const profiles::Disk& disk) {
  if (!disk.aio.empty()) return disk.aio;
  return cache_direct(disk) ? "native" : "threads";
}

}  // namespace kvmrt::launcher
