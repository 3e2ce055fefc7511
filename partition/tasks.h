// SPDX-License-Identifier: MIT
// Whose a task is, what its mask was before us, and what it should be now. Pure.
#pragma once

#include <unordered_set>

#include "partition/desired.h"

namespace kvmrt::partition {

/// Thread ids that belong to VMs with a lease: QEMU's threads, its kernel helpers (vhost,
/// kvm-pit…); between fork and mark_qemu, what a supervisor spawned onto the VM's own CPUs; and the
/// threads of host.yaml's services, which are never strangers.
std::unordered_set<int> tasks_of_vms(const HostState& state, const std::vector<Lease>& leases);

/// Brings the ledger's masks up to date before anything is changed: forgets the dead, learns the
/// newborn (one that inherited a mask of ours gets its nearest recorded ancestor's original), takes
/// someone else's edit as the new original. While the ledger is pending, differences are side
/// effects of ours and the originals stand. Answers a warning for each edit onto owned CPUs.
Problems absorb_tasks(const HostState& state, const Division& division, Ledger& ledger);

void want_masks(const HostState& state, const Ledger& ledger, const Division& division,
                Desired& wanted);

}  // namespace kvmrt::partition
