// SPDX-License-Identifier: MIT
// latency.preflight_s: the CPUs of a VM are measured after they were taken from the host and before
// QEMU is started on them.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "launcher/state_folder.h"
#include "partition/cpuset.h"
#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher::latency {

/// The start ends here, in good order: over the budget (code not_as_planned), or stopped as asked
/// (done).
class EndedBefore : public std::runtime_error {
 public:
  EndedBefore(ExitCode code, const std::string& why) : std::runtime_error(why), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The CPUs of the vCPUs that are real-time; of all vCPUs where none is, or where it is not RT.
partition::CpuSet measured_cpus(const partition::VmPlan& plan);

/// The report of the last start, for `kvmrt-latency guest`.
std::filesystem::path preflight_report(const VmFolder& folder);

/// The error "preflight-without-cpus" where a preflight is wished for and there is nothing to
/// measure.
Problems gate_problems(const profiles::Profile& profile, const partition::VmPlan& plan);

/// Returns when the CPUs were measured and are within the budget; at once when no preflight is
/// wished for, or gate_problems() has something to say. `cgroup`: where QEMU will live; "": nowhere
/// of its own. Throws EndedBefore, SystemError.
void pass_gate(const profiles::Profile& profile, const partition::VmPlan& plan,
               const VmFolder& folder, const std::string& cgroup);

}  // namespace kvmrt::launcher::latency
