// SPDX-License-Identifier: MIT
// Proposes a cpuset for an RT VM, with the reasons. Pure; the choice is that of `cpuset: auto`.
#pragma once

#include <string>
#include <vector>

#include "partition/planner.h"

namespace kvmrt::partition {

struct Suggestion {
  VmPlan plan;
  std::vector<std::string> reasons;  ///< one sentence each, without a full stop
};

/// For `nr_vcpus` ≥ 1 vCPUs, and by the rule a CPU for the emulator threads. Problem: auto-no-room.
Checked<Suggestion> suggest(const PlanningInput& input, int nr_vcpus,
                            EmulatorRequest::Where emulator = EmulatorRequest::Where::rule);

}  // namespace kvmrt::partition
