// SPDX-License-Identifier: MIT
// `cpuset: auto`: which free CPUs serve a VM best. Internal to the planner and to suggestions.
#pragma once

#include <optional>
#include <vector>

#include "partition/planner_ground.h"
#include "partition/rules.h"

namespace kvmrt::partition {

/// How good a set of choices is; less is better, first members count first.
struct Cost {
  int other_kind = 0;  ///< RT: CPUs without nohz_full and isolation; else: with them
  int nodes = 0;
  int llcs = 0;
  int far_from_devices = 0;
  int foreign_nodes = 0;  ///< nodes where another VM works already
  friend auto operator<=>(const Cost&, const Cost&) = default;
};

struct Selection {
  std::vector<const Choosable*> chosen;
  Cost cost;
};

/// CPUs that the VM's threads need: one per vCPU, and one for the emulator by KVM-RT's rule.
std::size_t cpus_needed(const VmRequest& request);

/// The best `needed` choices, which live as long as the ground; nothing when there are fewer (then
/// `free` says how many).
std::optional<Selection> select_cpus(const Ground& ground, const std::vector<const Claim*>& others,
                                     const VmRequest& request, std::size_t& free);

/// The same as a cpuset; reports `auto-no-room`.
CpuSet choose_cpuset(const Ground& ground, const std::vector<const Claim*>& others,
                     const VmRequest& request, Findings& findings);

}  // namespace kvmrt::partition
