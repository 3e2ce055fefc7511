// SPDX-License-Identifier: MIT
#include "launcher/devices_check.h"

#include <bit>
#include <string>
#include <utility>

#include "launcher/command_line_draft.h"
#include "launcher/devices_disk.h"

namespace kvmrt::launcher {
namespace {

/// Collects the problems of one profile.
struct Check {
  const profiles::Profile& profile;
  Problems problems;

  void error(std::string code, std::string key, std::string message, std::string hint = {}) {
    problems.push_back({.severity = Severity::error,
                        .code = std::move(code),
                        .vm = profile.name,
                        .key = std::move(key),
                        .message = std::move(message),
                        .hint = std::move(hint),
                        .place = {}});
  }
};

void check_disk(Check& check, const profiles::Disk& disk, int index) {
  const std::string bus = disk_bus(disk);
  const bool ide = bus == "sata" || bus == "ide";
  if (disk.media == "cdrom" && bus == "nvme")
    check.error("disk-bus", item_key("disks", index, "bus"),
                "there is no CD-ROM on nvme; sata, ide and scsi have them");
  if (disk.media == "cdrom" && !disk.iothread.empty() && ide)
    check.error("disk-bus", item_key("disks", index, "iothread"),
                "a CD-ROM on " + bus +
                    " is served by the emulator's main thread; scsi takes an "
                    "iothread");
  if (disk.media == "disk" && disk.readonly && ide)
    check.error("disk-bus", item_key("disks", index, "readonly"),
                "a disk on " + bus + " cannot be read-only; virtio, scsi and nvme can");
  if (!disk.on_error.empty() && bus == "nvme")
    check.error("disk-bus", item_key("disks", index, "on_error"),
                "nvme always reports errors to the guest; virtio, scsi, sata and ide have "
                "policies");
}

/// A PC has two IDE channels of two units each.
void check_ide_units(Check& check) {
  constexpr int kUnits = 4;
  if (check.profile.qemu.machine.find("q35") != std::string::npos) return;
  int units = 0;
  for (std::size_t i = 0; i < check.profile.disks.size(); ++i) {
    if (check.profile.disks[i].bus == "ide" && ++units > kUnits)
      check.error("disk-bus", item_key("disks", static_cast<int>(i), "bus"),
                  "machine " + check.profile.qemu.machine + " has four ide units; sata has more");
  }
}

void check_network(Check& check, const profiles::Network& network, int index) {
  const bool kernel_tap = network.type == "tap" || network.type == "macvtap";
  const bool virtio = network.model == "virtio";
  if (network.vhost && !kernel_tap)
    check.error("network-vhost", item_key("networks", index, "vhost"),
                "vhost is for tap and macvtap, not for " + network.type);
  if (network.vhost && !virtio)
    check.error("network-vhost", item_key("networks", index, "vhost"),
                "vhost needs model virtio, found " + network.model);
  if (network.type == "vhost-user" && !virtio)
    check.error("network-model", item_key("networks", index, "model"),
                "vhost-user needs model virtio, found " + network.model);
  if (network.queues > 1 && (network.type == "user" || !virtio))
    check.error("network-queues", item_key("networks", index, "queues"),
                "several queues need model virtio on tap, macvtap or vhost-user");
}

void check_serial(Check& check) {
  constexpr std::size_t kIsaPorts = 4;
  if (check.profile.serial.size() > kIsaPorts)
    check.error("serial-ports", "serial", "a PC has four serial ports at most");
  for (std::size_t i = 1; i < check.profile.serial.size(); ++i) {
    if (check.profile.serial[i].type == "stdio")
      check.error("serial-ports", item_key("serial", static_cast<int>(i), "type"),
                  "only the first port can be joined to the terminal");
  }
}

void check_shared_memory(Check& check) {
  int index = 0;
  for (const profiles::SharedMemory& memory : check.profile.shared_memory) {
    if (!std::has_single_bit(memory.size.count()))
      check.error(
          "shared-memory-size", item_key("shared_memory", index, "size"),
          "a PCI device's memory has a power of two as size, found " + to_string(memory.size));
    ++index;
  }
}

}  // namespace

Problems check_devices(const profiles::Profile& profile) {
  Check check{profile, {}};
  int index = 0;
  for (const profiles::Disk& disk : profile.disks) check_disk(check, disk, index++);
  check_ide_units(check);
  index = 0;
  for (const profiles::Network& network : profile.networks) check_network(check, network, index++);
  check_serial(check);
  check_shared_memory(check);
  return std::move(check.problems);
}

}  // namespace kvmrt::launcher
