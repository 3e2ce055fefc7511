// SPDX-License-Identifier: MIT
// Profiles and host brought together for the commands that only plan: validate-config, show-config,
// cpu-topology. Reads only.
#pragma once

#include <string>
#include <vector>

#include "launcher/accelerator.h"
#include "launcher/options.h"
#include "partition/planner.h"
#include "profiles/load.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct ConfiguredVm {
  profiles::Profile profile;
  Accelerator accelerator = Accelerator::kvm;
  partition::VmPlan plan;
};

struct Configuration {
  std::vector<ConfiguredVm> vms;
  partition::PlanningInput input;
  Problems problems;  ///< of files, keys, and the plan, with their places
  Problems unusable;  ///< those of them that cost a VM its place in `vms`
};

enum class Devices { named, all };

/// Whether the rules of the plan will ask for facts of the host: those of a VM that is neither
/// real-time nor has devices do not, and reading them takes milliseconds.
enum class Facts { none, wanted };

/// This host with its leases, or the machine of --input with none. Throws Refused for an unusable
/// --input.
partition::PlanningInput planning_input(const CommonOptions& options, partition::HostPolicy policy,
                                        const std::vector<std::string>& named, Devices devices,
                                        Facts facts = Facts::wanted);

/// Profiles of -f and the host file beside them, planned together. A profile that cannot be read
/// stands in `problems` and not in `vms`; without a readable host file there are no VMs.
Configuration plan_configuration(const CommonOptions& options);
/// The same with profiles that were read already.
Configuration plan_configuration(const CommonOptions& options, profiles::Usable usable);

/// The VMs with these names, all when there are none. Throws Refused (no-such-vm).
std::vector<const ConfiguredVm*> chosen_vms(const Configuration& all,
                                            const std::vector<std::string>& names,
                                            const std::string& where);

}  // namespace kvmrt::launcher
