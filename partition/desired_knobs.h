// SPDX-License-Identifier: MIT
// The parts of desired(): one function per family of knobs, each pure.
#pragma once

#include "partition/desired.h"

namespace kvmrt::partition {

void want_knobs(const HostState& state, const Ledger& ledger, const Division& division,
                Desired& wanted);

/// Kernel threads of owned CPUs above the vCPUs; recorded ones of other CPUs back to their
/// original.
void want_policies(const HostState& state, const Ledger& ledger, const Division& division,
                   Desired& wanted);

}  // namespace kvmrt::partition
