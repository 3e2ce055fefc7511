// SPDX-License-Identifier: MIT
// Drivers of PCI devices, and kernel modules, as knobs. A device's driver reads as its name, or
// "none" when it has none; a module reads "loaded" or "not loaded".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "partition/host.h"
#include "partition/knob.h"

namespace kvmrt::partition {

inline constexpr const char* kNoDriver = "none";
inline constexpr const char* kLoaded = "loaded";

std::string driver_knob(const std::string& address);    ///< "/sys/bus/pci/devices/ADDRESS/driver"
std::string override_knob(const std::string& address);  ///< ".../driver_override"
std::string module_knob(const std::string& name);       ///< "module:vfio_pci"
bool is_driver_knob(std::string_view knob);
bool is_override_knob(std::string_view knob);
bool is_module_knob(std::string_view knob);

/// Nothing when there is no such device.
std::optional<std::string> read_driver_knob(Host& host, const std::string& knob);

/// Of a driver knob: takes the driver that it has away and gives it the other one. Throws
/// SystemError naming the device.
void perform_driver_knob(Host& host, const Change& change);

}  // namespace kvmrt::partition
