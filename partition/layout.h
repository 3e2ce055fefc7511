// SPDX-License-Identifier: MIT
// Where the threads of one VM go inside CPUs already chosen: KVM-RT's rules. Pure.
#pragma once

#include <vector>

#include "partition/plan.h"
#include "partition/policy.h"
#include "partition/request.h"
#include "partition/rules.h"
#include "partition/topology.h"

namespace kvmrt::partition {

/// What owning whole cores means for an RT VM's cpuset.
struct CoreShare {
  CpuSet owned;      ///< with all siblings
  CpuSet usable;     ///< one CPU per core: the lowest of those named
  CpuSet offline;    ///< siblings that go offline (or already are, by our hand)
  CpuSet unmovable;  ///< siblings that ought to go offline and cannot
};

/// `taken_offline`: CPUs that are offline by our own hand.
CoreShare share_cores(const HostTopology& topology, const CpuSet& cpuset, SiblingRule rule,
                      const CpuSet& taken_offline);

struct Layout {
  CpuSet emulator_cpus;
  std::vector<ThreadPlan> threads;  ///< emulator, vCPUs by index, iothreads
  CpuSet surplus;                   ///< RT only: usable CPUs that no thread uses
};

/// RT: each vCPU one CPU of its own, apart from emulator threads and iothreads. Problems go to
/// `findings`; a vCPU that gets no CPU then has an empty set.
Layout lay_out_rt(const VmRequest& request, const CpuSet& usable, const CpuSet& housekeeping,
                  Findings& findings);

/// Not RT: KVM-RT's round robin; an empty cpuset biases nothing.
Layout lay_out_biased(const VmRequest& request, const CpuSet& cpuset, const CpuSet& housekeeping,
                      Findings& findings);

}  // namespace kvmrt::partition
