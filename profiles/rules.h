// SPDX-License-Identifier: MIT
// The rules of product section 5 that need the profile alone. What needs the host, or other VMs,
// is the planner's.
#pragma once

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::profiles {

/// Every problem has its place.
Problems check_rules(const Profile& profile);

}  // namespace kvmrt::profiles
