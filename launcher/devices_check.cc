// SPDX-License-Identifier: MIT
#include "launcher/devices_check.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "launcher/command_line_draft.h"
#include "launcher/devices_disk.h"
#include "launcher/devices_network.h"

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

bool takes_iothread(const std::string& bus) { return bus == "virtio" || bus == "scsi"; }

void check_disk_bus(Check& check, const profiles::Disk& disk, int index) {
  const std::string bus = disk_bus(disk);
  if (disk.media == "cdrom" && bus == "nvme")
    check.error("disk-cdrom-bus", item_key("disks", index, "bus"),
                "there is no CD-ROM on nvme; sata, ide, scsi can have one");
  if (disk.media == "disk" && disk.readonly && (bus == "sata" || bus == "ide"))
    check.error("disk-bus-readonly", item_key("disks", index, "readonly"),
                "a disk on " + bus + " cannot be read-only; virtio, scsi and nvme can");
  if (!disk.on_error.empty() && bus == "nvme")
    check.error("disk-bus-no-errors", item_key("disks", index, "on_error"),
                "nvme always reports errors to the guest; virtio, scsi, sata, ide know policies");
}

void check_disk_iothread(Check& check, const profiles::Disk& disk, int index) {
  if (disk.iothread.empty()) return;
  const std::string key = item_key("disks", index, "iothread");
  const auto& all = check.profile.iothreads;
  if (std::none_of(all.begin(), all.end(),
                   [&](const auto& iothread) { return iothread.name == disk.iothread; }))
    check.error("disk-iothread-unknown", key, "no iothread of that name: " + disk.iothread,
                "name it under iothreads");
  if (!takes_iothread(disk_bus(disk)))
    check.error("disk-bus-no-iothread", key,
                disk_bus(disk) +
                    " is served by the emulator's main thread only; virtio and scsi "
                    "take an iothread");
}

void check_disks(Check& check) {
  int index = 0;
  for (const profiles::Disk& disk : check.profile.disks) {
    if (disk.aio == "native" && !cache_direct(disk))
      check.error("disk-aio-needs-direct", item_key("disks", index, "aio"),
                  "aio native needs cache none or directsync, found " + disk.cache,
                  "set cache: none, or aio: threads or io_uring");
    check_disk_bus(check, disk, index);
    check_disk_iothread(check, disk, index);
    ++index;
  }
}

void check_network_queues(Check& check, const profiles::Network& network, int index) {
  if (network.vhost && network.type != "tap" && network.type != "macvtap")
    check.error("network-vhost", item_key("networks", index, "vhost"),
                "vhost is for tap and macvtap, not for " + network.type);
  if (network.vhost && network.model != "virtio")
    check.error("network-vhost", item_key("networks", index, "vhost"),
                "vhost needs model virtio, found " + network.model);
  if (network.queues > 1 && (network.type == "user" || network.model != "virtio"))
    check.error("network-queues", item_key("networks", index, "queues"),
                "several queues need model virtio on tap, macvtap or vhost-user");
}

void check_network_type(Check& check, const profiles::Network& network, int index) {
  if (network.type == "vhost-user" && network.socket.empty())
    check.error("network-device", item_key("networks", index, "socket"),
                "vhost-user needs the path of the switch's socket");
  if (network.type == "vhost-user" && network.model != "virtio")
    check.error("network-device", item_key("networks", index, "model"),
                "vhost-user needs model virtio, found " + network.model);
  if (network.type == "macvtap" && network.device.empty())
    check.error("network-device", item_key("networks", index, "device"),
                "macvtap needs the name of the interface below it");
  if (network.type != "user" && !network.forward.empty())
    check.error("network-forward", item_key("networks", index, "forward"),
                "forward is for type user, not for " + network.type);
}

void check_networks(Check& check) {
  int index = 0;
  for (const profiles::Network& network : check.profile.networks) {
    for (std::size_t i = 0; i < network.forward.size(); ++i) {
      if (!parse_forward(network.forward[i]))
        check.error("network-forward",
                    item_key(item_key("networks", index, "forward"), static_cast<int>(i)),
                    "\"" + network.forward[i] +
                        "\" is no forward; allowed is "
                        "[tcp:|udp:][ADDRESS:]HOST_PORT:GUEST_PORT");
    }
    if (network.mac != "auto" && !valid_mac(network.mac))
      check.error("network-mac", item_key("networks", index, "mac"),
                  "\"" + network.mac + "\" is no unicast MAC address such as 52:54:00:12:34:56");
    check_network_type(check, network, index);
    check_network_queues(check, network, index);
    ++index;
  }
}

void check_numa_vcpus(Check& check) {
  std::vector<int> all;
  for (const profiles::GuestNode& node : check.profile.numa)
    all.insert(all.end(), node.vcpus.begin(), node.vcpus.end());
  std::sort(all.begin(), all.end());
  bool each_once = static_cast<int>(all.size()) == check.profile.nr_vcpus;
  for (std::size_t i = 0; each_once && i < all.size(); ++i)
    each_once = all[i] == static_cast<int>(i);
  if (!each_once)
    check.error("numa-vcpus", "numa",
                "the guest's nodes must name each of the " +
                    std::to_string(check.profile.nr_vcpus) + " vCPUs once");
}

void check_numa(Check& check) {
  if (check.profile.numa.empty()) return;
  Bytes sum;
  for (const profiles::GuestNode& node : check.profile.numa) sum = sum + node.memory;
  if (sum != check.profile.memory.size)
    check.error("numa-memory", "numa",
                "the guest's nodes have " + to_string(sum) + " together, memory.size is " +
                    to_string(check.profile.memory.size));
  check_numa_vcpus(check);
}

void check_serial(Check& check) {
  constexpr std::size_t kIsaPorts = 4;
  if (check.profile.serial.size() > kIsaPorts)
    check.error("serial-ports", "serial", "a PC has four serial ports at most");
  for (std::size_t i = 1; i < check.profile.serial.size(); ++i) {
    if (check.profile.serial[i].type == "stdio")
      check.error("serial-stdio", item_key("serial", static_cast<int>(i), "type"),
                  "only the first port can be joined to the terminal");
  }
}

}  // namespace

Problems check_devices(const profiles::Profile& profile) {
  Check check{profile, {}};
  check_disks(check);
  check_networks(check);
  check_numa(check);
  check_serial(check);
  return std::move(check.problems);
}

}  // namespace kvmrt::launcher
