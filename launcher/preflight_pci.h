// SPDX-License-Identifier: MIT
// May the host give these PCI devices away? An IOMMU group goes to one VM as a whole.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct GroupMember {
  std::string address;
  std::string driver;
  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

struct PciFacts {
  std::string address;
  int group = -1;  ///< of the IOMMU; -1: none
  /// Others of the group that a driver of the host has. Bridges, and devices without a driver or
  /// with one of VFIO's, do no harm there (the kernel's own rule).
  std::vector<GroupMember> others;
  bool intel_graphics = false;
};

/// Of those that are there.
std::vector<PciFacts> probe_pci(const profiles::Profile& profile,
                                const std::filesystem::path& root = "/");

/// Problems "pci-group-incomplete", which names the others, and "pci-excluded-from-iommu". What the
/// planner says of a device (in use, no group, turned off at boot) is not said again. Pure.
Problems pci_problems(const profiles::Profile& profile, const std::vector<PciFacts>& facts,
                      const std::string& boot_parameters);

}  // namespace kvmrt::launcher
