// SPDX-License-Identifier: MIT
// Leases as JSON: the part of the ledger that other programs may read.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "partition/lease.h"
#include "partition/policy.h"

namespace kvmrt::partition {

nlohmann::json json_of(const Lease& lease);
/// Throws nlohmann::json::exception or std::runtime_error for what is no lease.
Lease lease_of(const nlohmann::json& json);

nlohmann::json json_of(const HostPolicy& policy);
HostPolicy policy_of(const nlohmann::json& json);

}  // namespace kvmrt::partition
