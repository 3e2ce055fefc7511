// SPDX-License-Identifier: MIT
// The poll-mode switches of host.yaml beside the VMs: which of their threads live on their CPUs.
#pragma once

#include <set>
#include <string>

#include "partition/ledger.h"
#include "partition/state.h"

namespace kvmrt::partition {

/// A service mostly binds its poll threads to CPUs by itself (DPDK's cores, OVS's pmd threads);
/// then they stay where they are, and its other threads keep off owned CPUs like anybody's. One of
/// which no thread keeps to the CPUs is placed there as a whole, as long as an RT VM runs.
class Services {
 public:
  Services(const HostState& state, const Ledger& ledger);

  /// The service that this thread belongs to, none for other tasks.
  [[nodiscard]] const Service* of(const Task& task) const;
  /// It keeps to the service's CPUs, and not because we put it there.
  [[nodiscard]] bool binds_itself(const Task& task) const;
  /// Where a thread of that service belongs which does not bind itself; none: with everybody else.
  [[nodiscard]] const CpuSet* place_of(const Task& task) const;
  /// It polls for packets: bound by itself, or placed.
  [[nodiscard]] bool polls(const Task& task) const {
    return binds_itself(task) || place_of(task) != nullptr;
  }

 private:
  const HostState& state_;
  const Ledger& ledger_;
  std::set<std::string> bound_;  ///< units with a thread that binds itself
};

}  // namespace kvmrt::partition
