// SPDX-License-Identifier: MIT
// A VM's plan as JSON: in the ledger, in the state of a running VM.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "partition/plan.h"

namespace kvmrt::partition {

nlohmann::json json_of(const VmPlan& plan);
/// Throws nlohmann::json::exception or std::runtime_error for what is no plan.
VmPlan plan_of(const nlohmann::json& json);

}  // namespace kvmrt::partition
