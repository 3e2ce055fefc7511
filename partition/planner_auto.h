// SPDX-License-Identifier: MIT
// `cpuset: auto`: which free CPUs serve a VM best. Internal to the planner and to suggestions.
#pragma once

#include <optional>
#include <vector>

#include "partition/planner_ground.h"
#include "partition/rules.h"

namespace kvmrt::partition {

/// A core, or for a VM that is not RT a single CPU, that may be given away.
struct Candidate {
  CpuId cpu;  ///< the one to name: the lowest that is online
  int core = -1;
  int package = -1;
  int node = -1;
  int llc = -1;
  bool nohz_full = false;
  bool isolated = false;
  bool near_device = false;
};

/// How good a set of candidates is; less is better, first members count first.
struct Cost {
  int other_kind = 0;  ///< RT: CPUs without nohz_full and isolation; else: with them
  int nodes = 0;
  int llcs = 0;
  int far_from_devices = 0;
  int foreign_nodes = 0;  ///< nodes where another VM works already
  friend auto operator<=>(const Cost&, const Cost&) = default;
};

struct Selection {
  std::vector<Candidate> chosen;
  Cost cost;
  int package = -1;
  std::size_t free = 0;  ///< candidates on the whole host
};

/// CPUs that the VM's threads need: one per vCPU, and one for the emulator by KVM-RT's rule.
std::size_t cpus_needed(const VmRequest& request);

/// The best `needed` candidates; nothing when there are fewer (then `free` says how many).
std::optional<Selection> select_cpus(const Ground& ground, const std::vector<const Claim*>& others,
                                     const VmRequest& request, std::size_t& free);

/// The same as a cpuset; reports `auto-no-room`.
CpuSet choose_cpuset(const Ground& ground, const std::vector<const Claim*>& others,
                     const VmRequest& request, Findings& findings);

}  // namespace kvmrt::partition
