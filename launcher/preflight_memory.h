// SPDX-License-Identifier: MIT
// Is there memory enough, on the nodes that shall give it?
#pragma once

#include <filesystem>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/problem.h"
#include "partition/cpuset.h"
#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct NodeSupply {
  Bytes available;              ///< free, or given back by the page cache at once
  std::map<Bytes, Bytes> huge;  ///< free huge pages by page size, in bytes
};

struct MemorySupply {
  Bytes available;                     ///< MemAvailable
  std::map<NodeId, NodeSupply> nodes;  ///< those with memory
};

MemorySupply probe_memory(const std::filesystem::path& root = "/");

/// All nodes that may give guest memory, those of guest nodes included; empty: any.
partition::NodeSet memory_nodes_of(const profiles::Profile& profile, const partition::VmPlan& plan);

/// Does a guest node have host nodes of its own?
bool bound_apart(const profiles::Profile& profile);

struct MemoryDemand {
  Bytes guest;
  std::optional<Bytes> hugepages;  ///< page size
  partition::NodeSet nodes;        ///< empty: any
  bool locked = false;
  bool kvm = true;
  int nr_vcpus = 1;
};

/// What QEMU needs beside the guest's memory, as measured: stacks, devices, firmware, page tables;
/// locked memory counts whole mappings; software emulation keeps its code buffer.
Bytes qemu_overhead(const MemoryDemand& demand);

/// Problems "not-enough-memory" (key memory.size), "not-enough-hugepages" (memory.hugepages). A
/// guest that is not locked only gets a warning.
Problems memory_problems(const MemoryDemand& demand, const MemorySupply& supply);

}  // namespace kvmrt::launcher
