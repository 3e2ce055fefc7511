// SPDX-License-Identifier: MIT
// Host changes as the dry-run prints them: a host has hundreds of tasks, most of them treated
// alike.
#pragma once

#include <vector>

#include "partition/knob.h"

namespace kvmrt::launcher {

/// Changes of tasks' settings from the same value to the same, for the same reason, become one
/// whose knob says how many ("task:*:affinity (187 tasks)") and whose reason names the first few.
/// All others, and the order of first ones, stay.
std::vector<partition::Change> grouped(const std::vector<partition::Change>& changes);

}  // namespace kvmrt::launcher
