// SPDX-License-Identifier: MIT
// Before anything is changed, the ledger learns what happened to the host since it was written.
#pragma once

#include "partition/diff.h"

namespace kvmrt::partition {

/// Side effects are ours, edits are theirs: unless the ledger is pending, a knob that reads neither
/// as written becomes a new original. Answers a warning for each.
Problems absorb(const HostState& state, Ledger& ledger);

/// Huge pages that a new lease needs beyond those that are free.
void reserve_pages(const HostState& state, const Lease& lease, Ledger& ledger);

/// Originals of all that is about to change, or may be clobbered by it, go into the ledger.
void record(const HostState& state, const Desired& wanted, Ledger& ledger);

}  // namespace kvmrt::partition
