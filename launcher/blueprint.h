// SPDX-License-Identifier: MIT
// Everything about one VM that is decided before anything is touched: its profile checked, the host
// looked at, CPUs planned, the command line made. Only reads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "launcher/accelerator.h"
#include "launcher/command_line.h"
#include "launcher/options.h"
#include "launcher/preflight.h"
#include "partition/plan.h"
#include "partition/planner.h"
#include "partition/policy.h"
#include "partition/topology.h"
#include "profiles/load.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct BlueprintOptions {
  CommonOptions common;
  std::string profile;      ///< a path, or the name of a VM in the folder of -f
  std::string accelerator;  ///< --accel: instead of the profile's; "": none
  bool console = false;
  bool dry_run = false;  ///< nothing will be carried out: rights that we lack are warnings
};

struct Blueprint {
  profiles::Profile profile;
  partition::HostPolicy policy;
  partition::HostTopology topology;
  partition::VmRequest request;
  partition::VmPlan plan;
  Accelerator accelerator = Accelerator::tcg;
  std::optional<Permit> permit;  ///< nothing when planned for another machine
  QemuInvocation invocation;
  Problems problems;  ///< errors too: not to be carried out then
};

/// The VM that `wanted` names: a profile file with one document, else a name in the folder (or
/// file) of -f. Throws Refused.
profiles::Profile find_profile(const std::string& wanted, const CommonOptions& common);

/// The host file beside the profiles of -f, or the defaults. Throws Refused.
partition::HostPolicy load_policy(const CommonOptions& common);

/// The host file's path for -f.
std::string host_file_of(const std::string& config);

/// Throws Refused for a profile that cannot be read, SystemError for a host that cannot be looked
/// at; all else that is wrong stands in `problems`.
Blueprint make_blueprint(const BlueprintOptions& options);

/// What stands around a VM: the host file and the other profiles, for warnings and `auto`. Broken
/// ones are no concern of this VM's start.
struct Neighbourhood {
  partition::HostPolicy policy;
  std::vector<partition::VmRequest> configured;
};

/// Throws Refused for a host file that cannot be read.
Neighbourhood neighbourhood(const profiles::Usable& all, const CommonOptions& common);

/// The same for a profile that was read already, with all others; `options.profile` is not looked
/// at.
Blueprint make_blueprint(profiles::Profile profile, const BlueprintOptions& options,
                         const Neighbourhood& around);

}  // namespace kvmrt::launcher
