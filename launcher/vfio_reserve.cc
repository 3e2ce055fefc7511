// SPDX-License-Identifier: MIT
#include "launcher/vfio_reserve.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <map>
#include <set>

namespace kvmrt::launcher {
namespace {

/// sysfs writes addresses in lower case, and udev compares texts.
std::string as_in_sysfs(std::string address) {
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return address;
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string reserve_rule(const std::vector<profiles::Profile>& vms) {
  std::map<std::string, std::set<std::string>> users;
  for (const profiles::Profile& vm : vms) {
    for (const std::string& address : vm.pci) users[as_in_sysfs(address)].insert(vm.name);
  }
  if (users.empty()) return {};
  // driver_override keeps every other driver away; loading vfio-pci lets it take the device.
  std::string text =
      "# Written by kvmrt-sync-config from the VMs' profiles; it is written anew, so do not edit.\n"
      "# PCI devices that VMs have are kept for vfio-pci from boot on.\n";
  for (const auto& [address, names] : users) {
    text += fmt::format(
        "\n# {}\n"
        "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"{}\", "
        "ATTR{{driver_override}}=\"vfio-pci\", RUN+=\"/sbin/modprobe vfio-pci\"\n",
        joined(names), address);
  }
  return text;
}

}  // namespace kvmrt::launcher
