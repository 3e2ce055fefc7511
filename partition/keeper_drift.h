// SPDX-License-Identifier: MIT
// The supervisor's slow look: is the host still as the leases want it?
#pragma once

#include "partition/host.h"
#include "partition/keeper.h"
#include "partition/ledger.h"

namespace kvmrt::partition {

/// Reads the recorded knobs and the tasks, nothing else. Each change is what a repair would do.
Transition find_drift(Host& host, const Ledger& ledger);

}  // namespace kvmrt::partition
