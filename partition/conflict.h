// SPDX-License-Identifier: MIT
// Programs that want the same CPUs or settings: who they are, by process and evidence, and what
// host.yaml's on_conflict says about them.
#pragma once

#include "partition/host.h"
#include "partition/policy.h"
#include "partition/state.h"

namespace kvmrt::partition {

/// An error for each program whose rule is refuse, a warning for each whose rule is warn, with the
/// way out.
Problems find_conflicts(Host& host, const HostState& state, const HostPolicy& policy);

}  // namespace kvmrt::partition
