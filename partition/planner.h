// SPDX-License-Identifier: MIT
// The planner: from what a VM asks for, and what the host is and has given away already, to where
// every thread lives. Pure: no file, no clock, no syscall; the same input gives the same plan.
// Refusals and advice are problems with the codes of partition/rules.h.
#pragma once

#include <optional>
#include <vector>

#include "base/problem.h"
#include "partition/host_facts.h"
#include "partition/lease.h"
#include "partition/plan.h"
#include "partition/policy.h"
#include "partition/request.h"
#include "partition/topology.h"

namespace kvmrt::partition {

struct PlanningInput {
  HostTopology topology;
  HostPolicy policy;
  std::vector<Lease> running;         ///< one of the VM's own name is ignored
  std::vector<VmRequest> configured;  ///< all profiles; one of the VM's own name is ignored
  /// CPUs down because kvmrt took them down, beyond those of `running` (their VM has ended, they
  /// come back when the last RT lease ends).
  CpuSet taken_offline;
  /// CPUs that our cgroup lets a VM use; nothing: all. Not our affinity: boot-isolated CPUs are
  /// never in that.
  std::optional<CpuSet> allowed;
  std::optional<HostFacts> facts;  ///< nothing: another machine, no problem comes from facts
};

struct PlanResult {
  VmPlan plan;        ///< with errors: filled as far as it goes, not to be used
  Problems problems;  ///< errors and warnings, without places (profiles::locate adds them)
  [[nodiscard]] bool ok() const { return !has_error(problems); }
};

/// One VM about to start. Overlap with `running` is an error, with `configured` a warning.
[[nodiscard]] PlanResult plan(const PlanningInput& input, const VmRequest& request);

struct ValidationResult {
  std::vector<VmPlan> plans;  ///< in the order of `configured`
  Problems problems;          ///< in that order too; those about the whole last
};

/// All of `configured` together, as `validate-config` and `boot` see them: every VM with all
/// others running beside it. Overlap is an error; each pair is reported once, by the later one.
[[nodiscard]] ValidationResult plan_all(const PlanningInput& input);

}  // namespace kvmrt::partition
