// SPDX-License-Identifier: MIT
// Brings the host in line with a ledger's leases: the one operation behind acquire, release,
// recover and repair.
#pragma once

#include <functional>

#include "partition/desired.h"
#include "partition/diff.h"
#include "partition/host.h"

namespace kvmrt::partition {

enum class Resolve {
  strict,  ///< the first failure throws: the caller goes back
  best,    ///< go on and tell what is left
};

struct Settled {
  std::vector<Step> steps;  ///< as performed
  Problems problems;        ///< warnings
  Problems left;            ///< errors; with Resolve::best only
};

/// Writes the ledger to disk; throws SystemError.
using Save = std::function<void(const Ledger&)>;

/// `leases` replace those of the ledger. Saves with `pending` set before the first change, and
/// afterwards what came of it. Absent changes cost one reading of the host and one save.
Settled settle(Host& host, Ledger& ledger, std::vector<Lease> leases, const Save& save,
               Resolve resolve);

/// The steps that settle would take first; changes neither host nor the caller's ledger.
std::vector<Step> foresee(const HostState& state, Ledger ledger, std::vector<Lease> leases,
                          Problems& problems);

}  // namespace kvmrt::partition
