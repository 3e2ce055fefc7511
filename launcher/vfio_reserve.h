// SPDX-License-Identifier: MIT
// Devices that VMs will have, kept from other drivers from the host's boot on.
#pragma once

#include <string>
#include <vector>

#include "profiles/profile.h"

namespace kvmrt::launcher {

/// Where sync-config writes the rule. Below 80, where udev loads drivers by modalias.
inline constexpr const char* kReserveRulePath = "/etc/udev/rules.d/60-kvmrt-vfio.rules";

/// The text of a udev rules file that binds every device of these VMs to vfio-pci when the kernel
/// finds it, before the module of its usual driver is loaded; "" when no VM has a device, and then
/// there should be no file. Sorted by address: the same VMs in any order give the same text.
std::string reserve_rule(const std::vector<profiles::Profile>& vms);

}  // namespace kvmrt::launcher
