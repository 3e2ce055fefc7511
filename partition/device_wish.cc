// SPDX-License-Identifier: MIT
#include "partition/device_wish.h"

#include "partition/drivers.h"

namespace kvmrt::partition {

std::string device_wish(const std::string& knob, const std::string& value) {
  return knob + "=" + value;
}

std::vector<std::string> pci_addresses(const Lease& lease) {
  std::vector<std::string> addresses;
  for (const std::string& item : lease.request.pci) {
    if (item.find('=') == std::string::npos) addresses.push_back(item);
  }
  return addresses;
}

std::map<std::string, std::string> device_knobs(const Lease& lease) {
  std::map<std::string, std::string> knobs;
  for (const std::string& item : lease.request.pci) {
    const auto equals = item.find('=');
    if (equals != std::string::npos) {
      knobs[item.substr(0, equals)] = item.substr(equals + 1);
    } else {
      knobs[override_knob(item)] = "vfio-pci";
      knobs[driver_knob(item)] = "vfio-pci";
    }
  }
  return knobs;
}

}  // namespace kvmrt::partition
