// SPDX-License-Identifier: MIT
// os, clock and lifecycle.
#include <fmt/format.h>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

/// Upstream's versioned types stay, since the guest's hardware depends on them; those of
/// distributions exist in no other QEMU.
std::string machine_of(const std::string& machine) {
  const auto version = [&](std::string_view prefix) {
    return machine.find_first_not_of("0123456789.", prefix.size()) == std::string::npos;
  };
  for (const std::string_view family : {"pc-q35-", "pc-i440fx-"}) {
    if (!machine.starts_with(family) || version(family)) continue;
    return family == "pc-q35-" ? "q35" : "pc";
  }
  return machine;
}

void take_type(const Element& os, Draft& draft) {
  const Element type = os.child("type");
  if (const std::string what = type.text(); what != "hvm")
    draft.refuse("unsupported-domain", "",
                 fmt::format("found guests of type '{}'; allowed: hvm", what.substr(0, 20)));
  const std::string arch = type.attr("arch");
  if (!arch.empty() && arch != "x86_64" && arch != "i686")
    draft.refuse("unsupported-domain", "",
                 fmt::format("found architecture '{}'; allowed: x86_64", arch.substr(0, 20)));
  const std::string given = type.attr("machine");
  if (given.empty()) return;
  const std::string machine = machine_of(given);
  if (machine != given)
    draft.warn("imported-mapped", "qemu.machine", fmt::format("'{}' becomes '{}'", given, machine));
  draft.text("qemu.machine", machine);
}

void take_firmware(const Element& os, Draft& draft) {
  const Element loader = os.child("loader");
  const std::string path = loader.text();
  const bool is_flash = loader.attr("type") == "pflash";
  if (os.attr("firmware") == "efi" || is_flash) {
    draft.text("boot.firmware", "uefi");
    loader.leave("kvmrt finds the firmware itself");
    os.child("nvram").leave("a variable store of kvmrt's own is made");
    return;
  }
  if (!path.empty()) draft.text("boot.firmware", path);
  if (loader.attr("readonly") == "no") loader.leave("readonly", "a ROM is read-only");
}

void take_order(const Element& os, Draft& draft) {
  static const std::map<std::string, std::string> kNames{
      {"hd", "disk"}, {"network", "network"}, {"cdrom", "cdrom"}};
  for (const Element& boot : os.children("boot")) {
    const auto found = kNames.find(boot.attr("dev"));
    if (found == kNames.end()) {
      boot.leave("allowed: hd, network, cdrom");
    } else {
      draft.list("boot.order").items.push_back(Node::string(found->second));
    }
  }
}

void take_os(const Element& domain, Draft& draft) {
  const Element os = domain.child("os");
  take_type(os, draft);
  take_firmware(os, draft);
  draft.text("boot.kernel", os.child("kernel").text());
  draft.text("boot.initrd", os.child("initrd").text());
  draft.text("boot.cmdline", os.child("cmdline").text());
  take_order(os, draft);
  const Element menu = os.child("bootmenu");
  if (menu.attr("enable") != "no") menu.leave("no boot menu");
}

void take_timer(const Element& timer, Draft& draft) {
  const std::string name = timer.attr("name");
  const std::string present = timer.attr("present");
  if (timer.has("tickpolicy")) timer.leave("tickpolicy", "QEMU's own policy");
  if (name == "pit" || name == "hpet") {
    if (!present.empty()) draft.text("clock.timers." + name, present == "no" ? "off" : "on");
  } else if (name == "kvmclock" && !present.empty()) {
    draft.cpu_flags.push_back(fmt::format("kvmclock={}", present == "no" ? "off" : "on"));
  } else if (name == "hypervclock") {
    if (present != "no") draft.cpu_flags.emplace_back("hv-time=on");
  } else if (name == "tsc" && timer.has("frequency")) {
    draft.cpu_flags.push_back("tsc-frequency=" + timer.attr("frequency"));
  } else if (name != "rtc") {
    timer.leave("QEMU's own default");
  }
}

void take_clock(const Element& domain, Draft& draft) {
  const Element clock = domain.child("clock");
  if (!clock) return;
  const std::string offset = clock.attr("offset");
  if (offset == "localtime") {
    draft.text("clock.base", "localtime");
  } else if (!offset.empty() && offset != "utc") {
    clock.leave("offset", "allowed: utc, localtime");
  }
  for (const Element& timer : clock.children("timer")) take_timer(timer, draft);
}

void take_action(const Element& domain, Draft& draft, const char* name, const char* fallback) {
  static const std::map<std::string, std::string> kActions{
      {"destroy", "end"},          {"restart", "restart"},
      {"preserve", "pause"},       {"rename-restart", "restart"},
      {"coredump-destroy", "end"}, {"coredump-restart", "restart"}};
  const Element element = domain.child(name);
  const std::string given = element.text();
  const auto found = kActions.find(given.empty() ? fallback : given);
  if (found == kActions.end()) return element.leave("allowed: destroy, restart, preserve");
  draft.text(fmt::format("lifecycle.{}", name), found->second);
  if (given.starts_with("coredump"))
    draft.warn("imported-mapped", fmt::format("lifecycle.{}", name),
               fmt::format("'{}' becomes '{}', without a core dump", given, found->second));
}

}  // namespace

void take_boot(const Element& domain, Draft& draft) {
  take_os(domain, draft);
  take_clock(domain, draft);
  take_action(domain, draft, "on_poweroff", "destroy");
  take_action(domain, draft, "on_reboot", "restart");
  take_action(domain, draft, "on_crash", "destroy");
}

}  // namespace kvmrt::profiles::import
