// SPDX-License-Identifier: MIT
#include "partition/drivers.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

const std::string kDevices = "/sys/bus/pci/devices/";
const std::string kDrivers = "/sys/bus/pci/drivers/";
constexpr std::string_view kDriver = "/driver";
constexpr std::string_view kOverride = "/driver_override";
constexpr std::string_view kModule = "module:";

bool is_of_device(std::string_view knob, std::string_view leaf) {
  return knob.starts_with(kDevices) && knob.ends_with(leaf);
}

std::string address_of(std::string_view knob) {
  knob.remove_prefix(kDevices.size());
  return std::string(knob.substr(0, knob.find('/')));
}

/// The link "driver" cannot be read as a file; the device's uevent says the same.
std::optional<std::string> driver_of(Host& host, const std::string& address) {
  constexpr std::string_view kKey = "DRIVER=";
  const auto text = host.read(kDevices + address + "/uevent");
  if (!text) return std::nullopt;
  for (const std::string_view line : lines_of(*text)) {
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
  }
  return kNoDriver;
}

void demand(int error, const std::string& act, const std::string& object, std::string hint = {}) {
  if (error != 0) throw SystemError(act, object, error, std::move(hint));
}

std::string why_not_bound(int error, const std::string& driver) {
  if (error == ENOENT) return "there is no such driver: modprobe " + driver;
  if (driver == "vfio-pci" && error == EINVAL) return "the device has no IOMMU group";
  if (error == ENODEV) return "the driver refuses this device; dmesg tells more";
  return {};
}

void set_driver(Host& host, const Change& change) {
  const std::string address = address_of(change.knob);
  const auto now = driver_of(host, address);
  if (now == change.after) return;
  if (now && *now != kNoDriver)
    demand(host.write(kDrivers + *now + "/unbind", address), "take driver " + *now + " from",
           address);
  if (change.after == kNoDriver) return;
  const int error = host.write(kDrivers + change.after + "/bind", address);
  demand(error, "give driver " + change.after + " to", address, why_not_bound(error, change.after));
}

/// A driver that is part of the kernel has no folder of a module.
bool is_loaded(Host& host, const std::string& module) {
  std::string driver = module;
  std::replace(driver.begin(), driver.end(), '_', '-');
  return !host.list("/sys/module/" + module).empty() || !host.list(kDrivers + driver).empty();
}

void load(Host& host, const Change& change) {
  const std::string name = change.knob.substr(kModule.size());
  demand(host.write(change.knob, change.after), "load kernel module", name, "modprobe " + name);
}

}  // namespace

std::string driver_knob(const std::string& address) {
  return kDevices + address + std::string(kDriver);
}
std::string override_knob(const std::string& address) {
  return kDevices + address + std::string(kOverride);
}
std::string module_knob(const std::string& name) { return std::string(kModule) + name; }

bool is_driver_knob(std::string_view knob) { return is_of_device(knob, kDriver); }
bool is_override_knob(std::string_view knob) { return is_of_device(knob, kOverride); }
bool is_module_knob(std::string_view knob) { return knob.starts_with(kModule); }

std::optional<std::string> read_driver_knob(Host& host, const std::string& knob) {
  if (is_driver_knob(knob)) return driver_of(host, address_of(knob));
  if (is_module_knob(knob))
    return is_loaded(host, knob.substr(kModule.size())) ? kLoaded : "not loaded";
  const auto text = host.read(knob);
  if (!text) return std::nullopt;
  const std::string driver(trimmed(*text));
  return driver == "(null)" || driver.empty() ? kNoDriver : driver;
}

void perform_driver_knob(Host& host, const Change& change) {
  if (is_module_knob(change.knob)) {
    load(host, change);
  } else if (is_driver_knob(change.knob)) {
    set_driver(host, change);
  } else {
    demand(host.write(change.knob, change.after == kNoDriver ? "" : change.after), "write",
           change.knob);
  }
  const auto now = read_driver_knob(host, change.knob);
  if (now && *now != change.after)
    throw SystemError(
        "set", fmt::format("{} (wanted {}, reads {})", change.knob, change.after, *now), EBUSY);
}

}  // namespace kvmrt::partition
