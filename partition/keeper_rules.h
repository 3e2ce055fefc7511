// SPDX-License-Identifier: MIT
// What is refused before anything is touched.
#pragma once

#include "partition/diff.h"
#include "partition/host.h"

namespace kvmrt::partition {

/// Leases against those that live and against the host as it is: CPUs held by another VM, absent or
/// offline CPUs, siblings that cannot go offline, no CPU left for the host, a partition directory
/// or another's cpuset in the way. Errors only.
Problems refusals(Host& host, const HostState& state, const Ledger& ledger,
                  const std::vector<Lease>& more);

/// Steps that disturb a running RT guest, judged as host.yaml says: a warning or an error.
Problems judge_disturbance(const std::vector<Step>& steps, const Ledger& ledger,
                           const HostPolicy& policy);

}  // namespace kvmrt::partition
