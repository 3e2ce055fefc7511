// SPDX-License-Identifier: MIT
// Reads what the planner's warnings look at. Files only, none of them written; about 1 ms on a
// small host. What cannot be read stays absent.
#pragma once

#include <filesystem>

#include "partition/host_facts.h"

namespace kvmrt::partition {

HostFacts probe_facts(const std::filesystem::path& root = "/");

}  // namespace kvmrt::partition
