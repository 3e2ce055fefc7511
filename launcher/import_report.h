// SPDX-License-Identifier: MIT
// What an import did, for people and for machines.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "profiles/import_run.h"

namespace kvmrt::launcher {

/// One line per VM, below it what was not carried over and the problems.
std::string import_text(const std::vector<profiles::ImportResult>& results, bool verbose);

/// [{"outcome": "created|updated|unchanged|skipped|failed", "name", "source", "file",
///   "not_carried": [{"path", "reason"}], "problems"}]
nlohmann::ordered_json import_json(const std::vector<profiles::ImportResult>& results);

}  // namespace kvmrt::launcher
