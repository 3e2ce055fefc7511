// SPDX-License-Identifier: MIT
// Each disk is a -blockdev ("disk0": the image, over a descriptor handed over) and a -device
// ("disk0-device") on its bus. Controllers are made as disks need them.
#include <algorithm>
#include <fcntl.h>
#include <map>
#include <string>

#include "launcher/command_line_draft.h"
#include "launcher/devices_disk.h"

namespace kvmrt::launcher {
namespace {

/// The ports of an AHCI controller; q35 has one, named "ide", built in.
constexpr int kAhciPorts = 6;

/// What controllers and how many ports the disks so far have taken.
struct Buses {
  std::map<std::string, std::string> scsi_of_iothread;  ///< iothread → controller
  int sata = 0;
  int ide = 0;
};

/// One image of a disk: its own, or one of those below.
struct Image {
  std::string node, path, format;
  bool readonly = false;
  bool block_device = false;
  bool discard = false;
  int layer = 0;
  std::string backing;  ///< the node below
};

void append_node(Draft& draft, const profiles::Disk& disk, int index, const Image& image) {
  // Since 9.1 QEMU takes a descriptor only when it is as direct as the cache mode says.
  const int flags = (image.readonly ? O_RDONLY : O_RDWR) | (cache_direct(disk) ? O_DIRECT : 0);
  const std::string file =
      draft.hand_over_file(image.path, flags, index, item_key("disks", index, "path"), image.layer);
  Options options;
  options.set("driver", image.format).set("node-name", image.node);
  options.set("read-only", image.readonly ? "on" : "off");
  options.set("cache.direct", cache_direct(disk) ? "on" : "off");
  options.set("cache.no-flush", disk.cache == "unsafe" ? "on" : "off");
  if (image.discard) options.set("discard", "unmap").set("file.discard", "unmap");
  options.set("file.driver", image.block_device ? "host_device" : "file");
  options.set("file.filename", file).set("file.aio", image_aio(disk));
  if (!image.backing.empty()) options.set("backing", image.backing);
  draft.add("-blockdev", options);
}

/// The deepest first, since each names the one below it; the name of the nearest, "" for none.
std::string append_layers(Draft& draft, const profiles::Disk& disk, int index) {
  std::string below;
  const auto found = draft.around.backing.find(disk.path);
  if (found == draft.around.backing.end()) return below;
  const std::vector<ImageLayer>& layers = found->second;
  for (int number = static_cast<int>(layers.size()); number > 0; --number) {
    const ImageLayer& layer = layers[static_cast<std::size_t>(number - 1)];
    const std::string node = "disk" + std::to_string(index) + "-base" + std::to_string(number);
    append_node(draft, disk, index,
                {.node = node,
                 .path = layer.path,
                 .format = layer.format,
                 .readonly = true,
                 .block_device = layer.block_device,
                 .layer = number,
                 .backing = below});
    below = node;
  }
  return below;
}

void append_image(Draft& draft, const profiles::Disk& disk, int index) {
  if (disk.path.empty()) return;  // a CD-ROM drive without a disc
  const std::string below = append_layers(draft, disk, index);
  append_node(draft, disk, index,
              {.node = "disk" + std::to_string(index),
               .path = disk.path,
               .format = image_format(disk),
               .readonly = image_readonly(disk),
               .block_device = draft.around.block_devices.contains(disk.path),
               .discard = disk.discard,
               .backing = below});
}

std::string scsi_controller(Draft& draft, Buses& buses, const std::string& iothread) {
  if (const auto found = buses.scsi_of_iothread.find(iothread);
      found != buses.scsi_of_iothread.end())
    return found->second;
  const std::string id = "scsi" + std::to_string(buses.scsi_of_iothread.size());
  Options options("virtio-scsi-pci");
  options.set("id", id);
  if (!iothread.empty()) options.set("iothread", iothread);
  draft.add("-device", options);
  return buses.scsi_of_iothread.emplace(iothread, id).first->second;
}

/// "ahci0.3", or "ide.3" on the controller that q35 has built in.
std::string sata_port(Draft& draft, Buses& buses) {
  const int port = buses.sata % kAhciPorts;
  const int controller = buses.sata++ / kAhciPorts;
  if (controller == 0 && draft.machine_is("q35")) return "ide." + std::to_string(port);
  const std::string id = "ahci" + std::to_string(controller);
  if (port == 0) draft.add("-device", Options("ich9-ahci").set("id", id));
  return id + "." + std::to_string(port);
}

Options ide_device(Draft& draft, Buses& buses, const profiles::Disk& disk) {
  Options options(disk.media == "cdrom" ? "ide-cd" : "ide-hd");
  if (disk_bus(disk) == "sata" || draft.machine_is("q35"))
    return options.set("bus", sata_port(draft, buses));
  const int port = buses.ide++;
  return options.set("bus", "ide." + std::to_string(port / 2)).set("unit", port % 2);
}

Options device_on_bus(Draft& draft, Buses& buses, const profiles::Disk& disk) {
  const std::string bus = disk_bus(disk);
  if (bus == "sata" || bus == "ide") return ide_device(draft, buses, disk);
  if (bus == "nvme") return Options("nvme");
  if (bus == "scsi")
    return Options(disk.media == "cdrom" ? "scsi-cd" : "scsi-hd")
        .set("bus", scsi_controller(draft, buses, disk.iothread) + ".0");
  Options options("virtio-blk-pci");
  if (!disk.iothread.empty()) options.set("iothread", disk.iothread);
  return options;
}

/// Stop on errors unless told otherwise: the supervisor then does what on_storage_error says.
void set_errors(Options& options, const profiles::Disk& disk) {
  const std::string wanted = disk.on_error.empty() ? "stop" : disk.on_error;
  options.set("rerror", wanted == "enospc" ? "report" : wanted).set("werror", wanted);
}

int nth_of_its_kind(const profiles::Profile& profile, int index) {
  const auto first = profile.disks.begin();
  const std::string& media = (first + index)->media;
  return static_cast<int>(std::count_if(
      first, first + index, [&](const profiles::Disk& disk) { return disk.media == media; }));
}

void append_device(Draft& draft, Buses& buses, const profiles::Disk& disk, int index) {
  const std::string name = "disk" + std::to_string(index);
  const std::string bus = disk_bus(disk);
  Options options = device_on_bus(draft, buses, disk);
  options.set("id", name + "-device");
  if (!disk.path.empty()) options.set("drive", name);
  // NVMe needs a serial number and knows no error policies.
  if (!disk.serial.empty() || bus == "nvme")
    options.set("serial", disk.serial.empty() ? name : disk.serial);
  if (bus != "nvme") set_errors(options, disk);
  if (bus != "nvme" && disk.media != "cdrom")
    options.set("write-cache", cache_writeback(disk) ? "on" : "off");
  if (const int boot = boot_index(draft.profile, disk.media, nth_of_its_kind(draft.profile, index)))
    options.set("bootindex", boot);
  draft.add("-device", options);
}

}  // namespace

void append_iothreads(Draft& draft) {
  for (const profiles::Iothread& iothread : draft.profile.iothreads)
    draft.add("-object", Options("iothread").set("id", iothread.name));
}

void append_disks(Draft& draft) {
  Buses buses;
  int index = 0;
  for (const profiles::Disk& disk : draft.profile.disks) {
    append_image(draft, disk, index);
    append_device(draft, buses, disk, index);
    ++index;
  }
}

}  // namespace kvmrt::launcher
