// SPDX-License-Identifier: MIT
// What the host should be like for a set of leases: pure. Every knob starts from its original (the
// ledger's, else its present value); with no lease everything is at its original.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "partition/ledger.h"
#include "partition/state.h"
#include "partition/topology.h"

namespace kvmrt::partition {

struct Wanted {
  std::string value;
  std::string reason;
  bool disturbs = false;
  bool keep = false;  ///< its original goes into the ledger even while the value stays: what we do
                      ///< to another knob may clobber this one
};

struct WantedMask {
  std::size_t task = 0;  ///< index into HostState::tasks
  CpuSet cpus;
};

struct WantedPolicy {
  std::size_t task = 0;
  Scheduling scheduling;
  std::string reason;
};

struct Desired {
  std::map<std::string, Wanted> knobs;
  std::vector<WantedMask> masks;  ///< of every movable task that is no VM's own
  std::vector<WantedPolicy> policies;
};

/// The CPUs as the leases divide them.
struct Division {
  CpuSet owned;         ///< by RT VMs, siblings included
  CpuSet usable;        ///< of these, online for the VMs
  CpuSet offline;       ///< that we hold offline
  CpuSet taken;         ///< not for the host: owned or offline
  CpuSet housekeeping;  ///< what tasks and interrupts fall back to
  CpuSet isolated;
  bool rt = false;  ///< an RT VM has a lease

  /// The mask without what is taken; without boot-isolated CPUs too once it has to change, since
  /// nothing of the host is ever moved onto those.
  [[nodiscard]] CpuSet narrowed(const CpuSet& original) const;
};

/// `state.online` tells today's CPUs; those that the ledger holds offline count as the host's.
Division divide(const HostState& state, const Ledger& ledger);

/// For the leases in the ledger. `absorb_tasks` must have run on the ledger for masks to be exact.
Desired desired(const HostState& state, const Ledger& ledger);

/// CPUs that we hold offline now, for VMs or since boot. Siblings of VMs that ended stay down while
/// another RT VM runs: hotplug would disturb it.
CpuSet held_offline(const Ledger& ledger);

/// Whether the VM's CPUs become a cgroup partition: all its threads live on CPUs it owns.
bool uses_partition(const Lease& lease, bool partitions_to_be_had);

/// CPUs to read and, maybe, to change for these leases.
Interest interest_of(const Ledger& ledger, const std::vector<Lease>& more);

}  // namespace kvmrt::partition
