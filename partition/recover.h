// SPDX-License-Identifier: MIT
// Which leases still count, and what becomes of the QEMU of one that does not.
#pragma once

#include <vector>

#include "partition/host.h"
#include "partition/lease.h"

namespace kvmrt::partition {

/// Its supervisor lives, or its QEMU does and was marked started.
bool lease_lives(Host& host, const Lease& lease);

/// The leases that live. A QEMU that was never marked started, a TPM that has lost its QEMU, and
/// whatever else is left in the cgroup of a dead lease, is killed first: nobody proved its threads'
/// places. Throws SystemError when one cannot be killed.
std::vector<Lease> living(Host& host, const std::vector<Lease>& leases);

}  // namespace kvmrt::partition
