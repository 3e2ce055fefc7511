// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <set>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

const std::set<std::string>& buses() {
  static const std::set<std::string> kBuses{"virtio", "scsi", "sata", "ide", "nvme"};
  return kBuses;
}

void take_driver(const Element& driver, Node& disk, Draft& draft) {
  (void)draft;
  if (!driver) return;
  if (driver.attr("name") != "qemu") driver.leave("name", "QEMU's own block layer");
  if (const std::string type = driver.attr("type"); !type.empty())
    disk.at("format") = Node::string(type);
  const std::string cache = driver.attr("cache");
  if (!cache.empty() && cache != "default") disk.at("cache") = Node::string(cache);
  if (const std::string io = driver.attr("io"); !io.empty()) disk.at("aio") = Node::string(io);
  if (const std::string thread = driver.attr("iothread"); !thread.empty())
    disk.at("iothread") = Node::string("io" + thread);
  if (driver.attr("discard") == "unmap") disk.at("discard") = Node::plain("true");
  const std::string policy = driver.attr("error_policy");
  if (policy == "enospace" || policy == "report" || policy == "stop" || policy == "ignore") {
    disk.at("on_error") = Node::string(policy == "enospace" ? "enospc" : policy);
  } else if (!policy.empty()) {
    driver.leave("error_policy", "allowed: report, ignore, enospace, stop");
  }
}

void take_order(const Element& element, const std::string& what, Draft& draft) {
  const Element boot = element.child("boot");
  if (!boot) return;
  const std::string order = boot.attr("order");
  draft.disk_orders[fmt::format("{:0>6}", order)] = what;
}

/// native needs a cache mode without the page cache; libvirt lets QEMU refuse that pair.
void check_aio(const Element& driver, Node& disk, Draft& draft) {
  const Node* aio = disk.find("aio");
  const Node* cache = disk.find("cache");
  if (aio == nullptr || aio->text != "native" || cache == nullptr) return;
  if (cache->text == "none" || cache->text == "directsync") return;
  driver.leave("io", fmt::format("native does not go with cache {}", cache->text));
  draft.warn("imported-mapped", "disks", "io 'native' left out where the cache mode forbids it");
  disk.at("aio") = Node::string("threads");
}

void take_disk(const Element& element, Draft& draft) {
  const std::string type = element.peek("type");
  const Element source = element.child("source");
  const Element target = element.child("target");
  const std::string bus = target.attr("bus");
  const std::string device = element.peek("device").empty() ? "disk" : element.peek("device");
  if (type != "file" && type != "block")
    return element.leave(fmt::format("disks of type '{}'; allowed: file, block", type));
  if (!bus.empty() && !buses().contains(bus))
    return element.leave(fmt::format("bus '{}'; allowed: virtio, scsi, sata, ide", bus));
  if (device != "disk" && device != "cdrom")
    return element.leave(fmt::format("device '{}'; allowed: disk, cdrom", device));
  (void)element.attr("type");
  (void)element.attr("device");
  (void)target.attr("dev");  // the guest's name; the order of the disks says it
  Node disk = Node::map();
  const std::string path = source.attr(type == "block" ? "dev" : "file");
  if (path.empty() && device == "disk") return element.leave("a disk without an image");
  disk.at("path") = Node::string(path);
  take_driver(element.child("driver"), disk, draft);
  check_aio(element.child("driver"), disk, draft);
  if (device == "cdrom") disk.at("media") = Node::string("cdrom");
  if (!bus.empty()) disk.at("bus") = Node::string(bus);
  if (device == "cdrom" && bus.empty()) disk.at("bus") = Node::string("sata");
  if (element.child("readonly") && device == "disk") disk.at("readonly") = Node::plain("true");
  if (const std::string serial = element.child("serial").text(); !serial.empty())
    disk.at("serial") = Node::string(serial);
  take_order(element, device, draft);
  draft.list("disks").items.push_back(std::move(disk));
}

}  // namespace

void take_storage(const Element& devices, Draft& draft) {
  for (const Element& disk : devices.children("disk")) take_disk(disk, draft);
  // libvirt knows no iothread that nobody declared; a profile neither.
  Node* disks = draft.document.find("disks");
  const Node* threads = draft.document.find("iothreads");
  if (disks == nullptr) return;
  for (Node& disk : disks->items) {
    const Node* wanted = disk.find("iothread");
    if (wanted == nullptr) continue;
    bool known = false;
    if (threads != nullptr) {
      for (const Node& thread : threads->items)
        known = known || thread.find("name")->text == wanted->text;
    }
    if (known) continue;
    draft.warn("imported-mapped", "disks", fmt::format("there is no iothread {}", wanted->text));
    disk.at("iothread") = Node::string("");
  }
}

}  // namespace kvmrt::profiles::import
