// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <set>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

/// "0000:03:00.0" out of domain='0x0000' bus='0x03' slot='0x00' function='0x0'.
std::string pci_address(const Element& address) {
  const auto hex = [&](const char* name) -> unsigned long {
    const std::string text = address.attr(name);
    const bool plain = text.find_first_not_of("0123456789abcdefABCDEFxX") == std::string::npos;
    return text.empty() || !plain || text.size() > 8 ? 0 : std::strtoul(text.c_str(), nullptr, 0);
  };
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", hex("domain") & 0xffffU, hex("bus") & 0xffU,
                     hex("slot") & 0x1fU, hex("function") & 7U);
}

void pass_through(const Element& source, Draft& draft) {
  draft.list("pci").items.push_back(Node::string(pci_address(source.child("address"))));
}

void take_model(const Element& interface, Node& card) {
  static const std::set<std::string> kModels{"virtio",  "e1000", "e1000e",
                                             "rtl8139", "igb",   "vmxnet3"};
  const Element model = interface.child("model");
  const std::string type = model.attr("type");
  if (kModels.contains(type)) {
    card.at("model") = Node::string(type);
  } else if (!type.empty()) {
    model.leave("type", "allowed: virtio, e1000, e1000e, rtl8139, igb, vmxnet3");
  }
}

/// libvirt takes vhost for a virtio card on a tap wherever the host has it.
void take_driver(const Element& interface, Node& card) {
  const Element driver = interface.child("driver");
  const std::string name = driver.attr("name");
  const Node* model = card.find("model");
  const Node* type = card.find("type");
  const bool on_tap = type->text == "tap" || type->text == "macvtap";
  if (on_tap && name != "qemu" && model != nullptr && model->text == "virtio")
    card.at("vhost") = Node::plain("true");
  if (const auto queues = number_of(driver.attr("queues"));
      queues && *queues >= 1 && *queues <= 256)
    card.at("queues") = Node::plain(std::to_string(*queues));
}

void take_connection(const Element& interface, const std::string& type, Node& card, Draft& draft) {
  const Element source = interface.child("source");
  const std::string device = interface.child("target").attr("dev");
  if (type == "bridge") {
    card.at("type") = Node::string("tap");
    card.at("bridge") = Node::string(source.attr("bridge"));
  } else if (type == "network") {
    const std::string network = source.attr("network");
    const bool is_default = network == "default";
    card.at("type") = Node::string(is_default ? "tap" : "none");
    if (is_default) card.at("bridge") = Node::string("virbr0");
    if (!is_default) source.leave("network", "a network of libvirt's; name its bridge");
    draft.warn(
        "imported-mapped", "networks",
        is_default
            ? "libvirt's network 'default' becomes its bridge virbr0, which exists only "
              "while libvirt runs"
            : fmt::format("libvirt's network '{}' is not connected; name its bridge", network));
  } else if (type == "direct") {
    card.at("type") = Node::string("macvtap");
    card.at("device") = Node::string(source.attr("dev"));
    if (source.attr("mode") != "bridge") source.leave("mode", "macvtap in bridge mode");
  } else if (type == "vhostuser") {
    card.at("type") = Node::string("vhost-user");
    card.at("socket") = Node::string(source.attr("path"));
    if (source.attr("mode") != "client") source.leave("mode", "QEMU connects to the switch");
    (void)source.attr("type");
  } else if (type == "ethernet") {
    card.at("type") = Node::string("tap");
    card.at("device") = Node::string(device);
  } else {
    card.at("type") = Node::string("user");
  }
}

void take_interface(const Element& interface, Draft& draft) {
  static const std::set<std::string> kTypes{"bridge",   "network", "direct", "vhostuser",
                                            "ethernet", "user",    "hostdev"};
  const std::string type = interface.peek("type");
  if (!kTypes.contains(type)) return interface.leave(fmt::format("interfaces of type '{}'", type));
  (void)interface.attr("type");
  if (type == "hostdev") {
    (void)interface.attr("managed");
    return pass_through(interface.child("source"), draft);
  }
  Node card = Node::map();
  take_connection(interface, type, card, draft);
  take_model(interface, card);
  take_driver(interface, card);
  if (const std::string mac = interface.child("mac").attr("address"); !mac.empty())
    card.at("mac") = Node::string(mac);
  if (const Element boot = interface.child("boot"))
    draft.disk_orders[fmt::format("{:0>6}", boot.attr("order"))] = "network";
  draft.list("networks").items.push_back(std::move(card));
}

}  // namespace

void take_networks(const Element& devices, Draft& draft) {
  for (const Element& interface : devices.children("interface")) take_interface(interface, draft);
  for (const Element& host : devices.children("hostdev")) {
    if (host.peek("type") != "pci" || host.peek("mode") != "subsystem") {
      host.leave("PCI devices only");
      continue;
    }
    (void)host.attr("type");
    (void)host.attr("mode");
    (void)host.attr("managed");  // kvmrt binds and rebinds the driver itself
    const std::string driver = host.child("driver").attr("name");
    if (!driver.empty() && driver != "vfio") host.child("driver").leave("vfio only");
    pass_through(host.child("source"), draft);
    if (const Element boot = host.child("boot"))
      boot.leave("no booting from passed-through devices");
  }
}

}  // namespace kvmrt::profiles::import
