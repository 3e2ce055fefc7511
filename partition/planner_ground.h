// SPDX-License-Identifier: MIT
// What all plans on one host share, computed once: sets of CPUs by kind, and who claims what
// already. Internal to the planner.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "partition/planner.h"
#include "partition/planner_choices.h"

namespace kvmrt::partition {

/// What a VM other than the planned one has, or will have.
struct Claim {
  std::string vm;
  bool rt = false;
  bool running = false;  ///< a lease; else a profile
  CpuSet cpus;           ///< RT: owned, siblings included. Else its cpuset. With an emulator's own
  CpuSet owned;          ///< RT: owned, siblings included. Else empty
  NodeSet nodes;         ///< of its cpuset and its memory; empty: unrestricted
  const VmRequest* request = nullptr;
};

class Ground {
 public:
  /// one_vm: a VM beside the running ones. all_vms: all profiles at once, leases only of VMs that
  /// have no profile.
  enum class Scope { one_vm, all_vms };
  Ground(const PlanningInput& given, Scope scope);

  const PlanningInput& input;
  const HostTopology& topology;
  CpuSet present, online, isolated, nohz_full, first_cores;
  CpuSet services;            ///< CPUs of the host file's services, siblings included
  CpuSet taken_offline;       ///< by us
  std::vector<Claim> claims;  ///< leases, then profiles

  [[nodiscard]] Claim claim_of(const VmRequest& request, const CpuSet& cpuset,
                               const NodeSet& memory) const;
  /// Online, not isolated at boot, and in none of the owned sets or services.
  [[nodiscard]] CpuSet housekeeping(const CpuSet& owned) const;
  /// Worked out when first asked for: a plan without `auto` need not pay for it.
  [[nodiscard]] const Choices& choices(bool rt) const;

 private:
  mutable std::map<bool, Choices> choices_;
};

/// The nodes that give memory: explicit ones, or with `auto` those of the cpuset that have any.
NodeSet memory_nodes(const HostTopology& topology, const VmRequest& request, const CpuSet& cpuset);

}  // namespace kvmrt::partition
