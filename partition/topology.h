// SPDX-License-Identifier: MIT
// The host as the planner sees it: CPUs, cores, packages, NUMA nodes, caches, devices. A pure
// value; partition/probe.h makes it from a live host, an hwloc XML file or a synthetic description.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "partition/cpuset.h"

namespace kvmrt::partition {

struct Cpu {
  CpuId id;
  int core = -1;     ///< unique on the host (hwloc's logical core index), not per package
  int package = -1;  ///< OS number
  NodeId node;       ///< -1: unknown
  int llc = -1;      ///< which last-level cache, by the number of its first CPU; -1: unknown
  CpuSet siblings;   ///< all CPUs of the core, this one included; known also for offline ones
  bool online = true;
  bool can_go_offline = true;  ///< false: no cpuN/online file (CPU 0 on x86)
  bool isolated = false;       ///< boot parameter isolcpus=domain
  bool nohz_full = false;
  friend bool operator==(const Cpu&, const Cpu&) = default;
};

struct HugepagePool {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  friend bool operator==(const HugepagePool&, const HugepagePool&) = default;
};

struct Node {
  NodeId id;
  CpuSet cpus;  ///< empty: memory only
  Bytes memory;
  Bytes free_memory;
  std::map<Bytes, HugepagePool> hugepages;  ///< by page size
  friend bool operator==(const Node&, const Node&) = default;
};

struct PciDevice {
  std::string address;  ///< "0000:03:00.0"
  NodeId node;          ///< -1: unknown
  CpuSet local_cpus;
  std::string driver;    ///< "" when unbound
  int iommu_group = -1;  ///< -1: none
  friend bool operator==(const PciDevice&, const PciDevice&) = default;
};

struct HostTopology {
  std::vector<Cpu> cpus;  ///< ascending by id; present CPUs, offline ones too
  std::vector<Node> nodes;
  std::vector<PciDevice> devices;
  std::string source;        ///< "this host", or the description or file it came from
  bool memory_known = true;  ///< false: a description that says nothing of memory
  friend bool operator==(const HostTopology&, const HostTopology&) = default;

  [[nodiscard]] const Cpu* find(CpuId id) const;
  [[nodiscard]] const Node* find(NodeId id) const;
  [[nodiscard]] CpuSet present() const;
  [[nodiscard]] CpuSet online() const;
  [[nodiscard]] CpuSet isolated() const;
  [[nodiscard]] CpuSet nohz_full() const;
  /// The set with every SMT sibling of its members.
  [[nodiscard]] CpuSet with_siblings(const CpuSet& cpus) const;
  [[nodiscard]] NodeSet nodes_of(const CpuSet& cpus) const;
  /// All CPUs of the first core of each package: where unmovable interrupts live.
  [[nodiscard]] CpuSet first_cores() const;
};

}  // namespace kvmrt::partition
