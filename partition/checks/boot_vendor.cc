// SPDX-License-Identifier: MIT
// Boot parameters that only RedHawk's kernel has, numbered after the catalogue's section 2.3.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kNotRedhawk = "not a RedHawk kernel";

Finding worker_priority(const HostView& host, const Wanted& wanted) {
  if (!is_redhawk(host)) return not_applicable(kNotRedhawk);
  const int least = std::max(3, wanted.priority + 1);
  const std::string want = fmt::format("workqueue.pri={}", least);
  const auto value = boot_parameter(host, "workqueue.pri");
  return verdict(value && to_number(*value).value_or(0) > wanted.priority,
                 value ? "workqueue.pri=" + *value : "not set", want, fix_boot(want));
}

Finding message_interrupts(const HostView& host, const Wanted& wanted) {
  if (!is_redhawk(host)) return not_applicable(kNotRedhawk);
  const std::string want = "msi_affinity_mask=" + wanted.housekeeping.hex_mask();
  const auto value = boot_parameter(host, "msi_affinity_mask");
  if (!value) return bad("not set", want, fix_boot(want));
  const auto digits = value->starts_with("0x") ? value->substr(2) : *value;
  const auto mask = CpuSet::from_hex_mask(digits);
  if (!mask) return unknown("msi_affinity_mask=" + *value + " is no mask", want, fix_boot(want));
  return verdict(!mask->intersects(wanted.rt_cpus), "msi_affinity_mask=" + *value, want,
                 fix_boot(want));
}

Finding reserved_devices(const HostView& host, const Wanted& wanted) {
  if (!is_redhawk(host)) return not_applicable(kNotRedhawk);
  if (wanted.pci.empty()) return not_applicable("no device is passed through");
  const std::string want = "vfio-pci.addrns=" + join(wanted.pci, ",");
  const auto value = boot_parameter(host, "vfio-pci.addrns");
  if (!value) return bad("not set", want, fix_boot(want));
  const bool all = std::all_of(wanted.pci.begin(), wanted.pci.end(), [&](const std::string& pci) {
    return value->find(pci) != std::string::npos;
  });
  return verdict(all, "vfio-pci.addrns=" + *value, want, fix_boot(want));
}

constexpr std::array kChecks{
    Check{"C21", "RedHawk: kernel workers above the vCPUs", Level::recommended, Scope::host,
          "work queued on a vCPU's CPU would wait for the guest", worker_priority},
    Check{"C22", "RedHawk: message interrupts kept away", Level::recommended, Scope::rt_cpus,
          "new MSI interrupts then start on housekeeping CPUs", message_interrupts},
    Check{"C23", "RedHawk: devices reserved for VFIO", Level::recommended, Scope::host,
          "else another driver claims them first", reserved_devices},
};

}  // namespace

std::span<const Check> boot_vendor_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
