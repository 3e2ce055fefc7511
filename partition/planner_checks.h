// SPDX-License-Identifier: MIT
// The rules, one function per family. Internal to the planner: each looks at a finished (or partly
// finished) plan and adds what it finds.
#pragma once

#include <vector>

#include "partition/layout.h"
#include "partition/planner_ground.h"

namespace kvmrt::partition {

/// One VM in the course of planning.
struct Draft {
  const VmRequest& request;
  VmPlan plan;
  CoreShare share;  ///< RT only
  CpuSet surplus;   ///< RT only
  Findings findings;
  Severity configured_overlap = Severity::warning;
  std::vector<const Claim*> others;  ///< all claims of other VMs that are to be judged here
};

// Whether the request makes sense on this host; before the layout (planner_requests.cc).
void check_rt_request(Draft& draft);
void check_cpus(const Ground& ground, Draft& draft);
void check_nodes(const Ground& ground, Draft& draft);

// Against the rest of the host; after the layout (admission.cc, admission_memory.cc).
void check_claims(const Ground& ground, Draft& draft);
void check_siblings(const Ground& ground, Draft& draft);
void check_memory(const Ground& ground, Draft& draft);
void check_devices(const Ground& ground, Draft& draft);

// Advice (rules_placement.cc, rules_guest.cc, rules_host.cc).
void advise_placement(const Ground& ground, Draft& draft);
void advise_neighbours(const Ground& ground, Draft& draft);
void advise_guest(Draft& draft);
void advise_host(const Ground& ground, Draft& draft);

/// The memory that VMs lock together against what the nodes have.
void check_memory_together(const Ground& ground, const std::vector<Draft>& drafts,
                           Findings& findings);

}  // namespace kvmrt::partition
