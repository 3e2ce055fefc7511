// SPDX-License-Identifier: MIT
// The cores of a host in the order in which they are given away, worked out once for all VMs of a
// plan. Internal to the planner.
#pragma once

#include <array>
#include <vector>

#include "partition/policy.h"
#include "partition/topology.h"

namespace kvmrt::partition {

/// A core, or for a VM that is not RT a single CPU, that may be given away if nobody has it.
struct Choosable {
  CpuId cpu;  ///< the one to name: the lowest that is online
  int core = -1;
  int package = -1;
  int node = -1;
  int llc = -1;
  int kind = 0;                   ///< 0: the best for such a VM; RT: nohz_full, isolated, neither
  std::vector<CpuId> siblings{};  ///< the others of its core, that must be free too
  std::array<int, 4> scopes{};    ///< its last-level cache, node, package, and the host
};

struct Choices {
  std::vector<Choosable> best_first;
  int scopes = 0;  ///< they are numbered from 0: caches, nodes, packages, the host
};

/// RT: whole cores whose other siblings can leave, with nohz_full first, then those isolated at
/// boot. Else: single CPUs, these kinds last, since they are for RT VMs. Highest cores first.
Choices choices_for(const HostTopology& topology, SiblingRule siblings, bool rt);

}  // namespace kvmrt::partition
