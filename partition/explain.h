// SPDX-License-Identifier: MIT
// Plans and topologies as text for people. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "partition/plan.h"
#include "partition/topology.h"

namespace kvmrt::partition {

/// One line per thread, and the plan's sets under them:
///   thread    CPUs  policy  priority
///   emulator  4     other
///   vcpu0     5     fifo    1
std::string explain_plan(const VmPlan& plan);

/// CPU → the VM that owns it.
using Owners = std::map<CpuId, std::string>;

struct TreeMarks {
  Owners owners;
  CpuSet housekeeping;
};

/// "NUMA Node 0:" / "    Core 3:    [Socket 0]" / "        CPU 7", each CPU with its marks; under
/// the cores of a node its caches and devices. Cores, packages: "?" where not known.
std::string explain_topology(const HostTopology& topology, const TreeMarks& marks);

}  // namespace kvmrt::partition
