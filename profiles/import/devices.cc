// SPDX-License-Identifier: MIT
// Watchdog, random numbers, TPM, panic, USB and the rest; and QEMU's own arguments.
#include <fmt/format.h>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

void take_watchdog(const Element& watchdog, Draft& draft) {
  static const std::map<std::string, std::string> kActions{{"", "restart"},
                                                           {"reset", "restart"},
                                                           {"poweroff", "end"},
                                                           {"shutdown", "end"},
                                                           {"pause", "pause"}};
  const std::string model = watchdog.peek("model");
  if (model != "i6300esb" && model != "ib700" && model != "itco")
    return watchdog.leave("allowed: i6300esb, ib700, itco");
  if (draft.has("watchdog")) return watchdog.leave("one watchdog");
  draft.text("watchdog.model", watchdog.attr("model"));
  const auto action = kActions.find(watchdog.attr("action"));
  if (action == kActions.end())
    watchdog.leave("action", "allowed: reset, poweroff, shutdown, pause");
  else
    draft.text("lifecycle.on_watchdog", action->second);
}

void take_rng(const Element& rng, Draft& draft) {
  const Element backend = rng.child("backend");
  if (rng.peek("model") != "virtio" || backend.peek("model") != "random")
    return rng.leave("virtio with the host's random numbers only");
  (void)rng.attr("model");
  (void)backend.attr("model");
  const std::string path = backend.text();
  if (!path.empty() && path != "/dev/urandom" && path != "/dev/random")
    backend.leave("the host's random numbers only");
  if (const Element rate = rng.child("rate")) rate.leave("no limit");
  draft.plain("rng", "true");
}

void take_tpm(const Element& tpm, Draft& draft) {
  const std::string model = tpm.peek("model");
  const Element backend = tpm.child("backend");
  if (backend.peek("type") != "emulator" || (model != "tpm-crb" && model != "tpm-tis"))
    return tpm.leave("tpm-crb and tpm-tis through swtpm only");
  draft.text("tpm", tpm.attr("model").substr(4));
  (void)backend.attr("type");
  if (backend.attr("version") != "2.0") backend.leave("version", "TPM 2.0");
}

void take_panic(const Element& panic) {
  const std::string model = panic.peek("model");
  if (model.empty() || model == "isa") return panic.take_all();  // pvpanic is always there
  panic.leave("pvpanic on the ISA bus only, which is always there");
}

void take_shared_memory(const Element& shmem, Draft& draft) {
  const Element model = shmem.child("model");
  const auto size = amount_of(shmem.child("size").text(), shmem.child("size").attr("unit"));
  if (model.peek("type") != "ivshmem-plain" || !size)
    return shmem.leave("ivshmem-plain with a size only");
  (void)model.attr("type");
  Node item = Node::map();
  item.at("name") = Node::string(shmem.attr("name"));
  item.at("size") = Node::plain(to_string(*size));
  draft.list("shared_memory").items.push_back(std::move(item));
}

/// libvirt always names a USB controller; the profile has one when something needs it.
void take_usb(const Element& devices, Draft& draft) {
  std::string model;
  for (const Element& controller : devices.children("controller")) {
    const std::string type = controller.peek("type");
    if (type == "usb" && controller.peek("model") == "none") controller.take_all();
    if (type == "usb" && model.empty()) model = controller.peek("model");
    if (type != "usb" || controller.peek("model") != "none")
      controller.leave("QEMU makes the controllers that the devices need");
  }
  for (const Element& input : devices.children("input")) {
    const std::string type = input.peek("type");
    const std::string bus = input.peek("bus");
    if (bus == "ps2") {
      input.take_all();  // always there
    } else if (type == "tablet" && bus == "usb") {
      const bool old = model.starts_with("ich9-ehci") || model == "ehci";
      draft.text("usb", old ? "ehci" : model.find("uhci") != std::string::npos ? "uhci" : "xhci");
      (void)input.attr("type");
      (void)input.attr("bus");
    } else {
      input.leave("a USB tablet and the PS/2 devices only");
    }
  }
}

void take_balloon(const Element& devices) {
  const Element balloon = devices.child("memballoon");
  if (balloon.peek("model") == "none")
    balloon.take_all();
  else
    balloon.leave("no balloon: it would take memory from a running guest");
}

void order_from_devices(Draft& draft) {
  if (draft.disk_orders.empty()) return;
  Node& order = draft.list("boot.order");
  for (const auto& [number, what] : draft.disk_orders) {
    bool is_there = false;
    for (const Node& item : order.items) is_there = is_there || item.text == what;
    if (!is_there) order.items.push_back(Node::string(what));
  }
}

void take_emulator(const Element& devices, Draft& draft) {
  const std::string path = devices.child("emulator").text();
  static const std::map<std::string, bool> kCommon{{"", false},
                                                   {"/usr/bin/qemu-system-x86_64", false},
                                                   {"/usr/libexec/qemu-kvm", true},
                                                   {"/usr/bin/qemu-kvm", true},
                                                   {"/usr/bin/kvm", true},
                                                   {"/usr/bin/kvm-spice", true}};
  const auto found = kCommon.find(path);
  if (found == kCommon.end()) return draft.text("qemu.binary", path);
  if (found->second)
    draft.warn("imported-mapped", "qemu.binary",
               fmt::format("'{}' becomes 'qemu-system-x86_64'", path));
}

std::string joined(const std::vector<std::string>& flags) {
  std::string text;
  for (const std::string& flag : flags) text += "," + flag;
  return text;
}

std::string text_at(const Draft& draft, const char* key) {
  const Node* qemu = draft.document.find("qemu");
  const Node* node = qemu == nullptr ? nullptr : qemu->find(key);
  return node == nullptr ? "" : node->text;
}

void add_flags(Draft& draft) {
  if (!draft.cpu_flags.empty()) {
    const std::string model = text_at(draft, "cpu");
    draft.text("qemu.cpu", (model.empty() ? "host" : model) + joined(draft.cpu_flags));
  }
  if (!draft.machine_flags.empty()) {
    const std::string machine = text_at(draft, "machine");
    draft.text("qemu.machine", (machine.empty() ? "q35" : machine) + joined(draft.machine_flags));
  }
}

}  // namespace

void take_devices(const Element& domain, Draft& draft) {
  const Element devices = domain.child("devices");
  take_emulator(devices, draft);
  take_storage(devices, draft);
  take_networks(devices, draft);
  take_consoles(devices, draft);
  take_usb(devices, draft);
  for (const Element& watchdog : devices.children("watchdog")) take_watchdog(watchdog, draft);
  for (const Element& rng : devices.children("rng")) take_rng(rng, draft);
  for (const Element& tpm : devices.children("tpm")) take_tpm(tpm, draft);
  for (const Element& panic : devices.children("panic")) take_panic(panic);
  for (const Element& shmem : devices.children("shmem")) take_shared_memory(shmem, draft);
  take_balloon(devices);
  order_from_devices(draft);
}

void take_qemu(const Element& domain, Draft& draft) {
  add_flags(draft);
  const Element commandline = domain.child("qemu:commandline");
  for (const Element& arg : commandline.children("qemu:arg"))
    draft.list("qemu.extra_args").items.push_back(Node::string(arg.attr("value")));
  for (const Element& env : commandline.children("qemu:env"))
    env.leave("QEMU's environment is the supervisor's");
}

}  // namespace kvmrt::profiles::import
