// SPDX-License-Identifier: MIT
// The proof before the guest's first instruction: everything that was asked for is read back from
// the kernel. An empty list is the proof.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "launcher/placement.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher {

struct MemoryWish {
  bool locked = false;       ///< all of the guest's memory
  Bytes guest_memory;        ///< what must be locked at least
  partition::NodeSet nodes;  ///< pages only on these; empty: anywhere
  bool apart = false;  ///< guest nodes have host nodes of their own, by their mappings' policy
};

/// Of /proc/PID/status.
struct MemoryFacts {
  Bytes locked;    ///< VmLck
  Bytes huge;      ///< HugetlbPages; never swapped, not counted in VmLck
  Bytes resident;  ///< VmRSS
  [[nodiscard]] Bytes locked_and_huge() const { return locked + huge; }
};

/// Zeros when the process is gone.
MemoryFacts memory_of(Pid pid, const std::filesystem::path& root = "/");

/// How much of a process's own memory (guest RAM, heaps, stacks; not mapped programs and
/// libraries) lies on nodes outside `wish.nodes`, or, where guest nodes are bound apart, outside of
/// those that its mapping is bound to. Pure; `numa_maps`: the text of /proc/PID/numa_maps.
Bytes outside_nodes(std::string_view numa_maps, const MemoryWish& wish);

/// Reads the threads and the memory of QEMU. `wanted` as it was applied.
std::vector<Mismatch> prove(Pid qemu, const std::vector<ThreadSetting>& wanted,
                            const MemoryWish& memory, const std::filesystem::path& root = "/");

}  // namespace kvmrt::launcher
