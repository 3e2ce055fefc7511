// SPDX-License-Identifier: MIT
// A plan as JSON, the same for `launch --dry-run` and `show-config`.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/problem.h"
#include "partition/knob.h"
#include "partition/plan.h"

namespace kvmrt::launcher {

/// {name, qemu_argv, threads, emulator_cpus, owned_cpus, offline_cpus, housekeeping_cpus,
/// numa_nodes, host_changes, problems}, and cpuset as it was chosen. ID-sets are texts.
nlohmann::ordered_json plan_json(const partition::VmPlan& plan,
                                 const std::vector<std::string>& qemu_argv,
                                 const std::vector<partition::Change>& changes,
                                 const Problems& problems);

nlohmann::ordered_json changes_json(const std::vector<partition::Change>& changes);

}  // namespace kvmrt::launcher
