// SPDX-License-Identifier: MIT
// The host's topology as JSON: what `cpu-topology --json` prints.
#pragma once

#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "partition/explain.h"
#include "partition/suggest.h"

namespace kvmrt::launcher {

/// {"cpus": [{cpu, core, package, node, siblings, online, isolated, nohz_full, owner, …}], "nodes",
/// "devices", "suggestion"}; numbers that are not known are null.
nlohmann::ordered_json topology_json(const partition::HostTopology& topology,
                                     const partition::TreeMarks& marks,
                                     const std::optional<partition::Suggestion>& suggestion);

}  // namespace kvmrt::launcher
