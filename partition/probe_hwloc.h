// SPDX-License-Identifier: MIT
// hwloc's object tree as values. Internal to the probe; hwloc.h stays behind it.
#pragma once

#include <memory>
#include <string>

#include "partition/topology.h"

struct hwloc_topology;

namespace kvmrt::partition {

struct HwlocDeleter {
  void operator()(hwloc_topology* topology) const;
};
using HwlocTopology = std::unique_ptr<hwloc_topology, HwlocDeleter>;

enum class HwlocDevices { none, pci };

/// A topology ready for a source and load_into(); throws std::bad_alloc.
HwlocTopology new_hwloc_topology(HwlocDevices devices);

/// Loads it. False, with errno set: it cannot be loaded.
[[nodiscard]] bool load(const HwlocTopology& hwloc);

/// What hwloc knows. CPUs known to be offline come without core and package.
HostTopology from_hwloc(const HwlocTopology& hwloc);

}  // namespace kvmrt::partition
