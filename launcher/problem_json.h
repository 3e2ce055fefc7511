// SPDX-License-Identifier: MIT
// A problem as JSON, the same everywhere: severity, code, vm, key, message, file, line, column (0:
// not known), and our own addition, hint.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/problem.h"

namespace kvmrt::launcher {

nlohmann::ordered_json problem_json(const Problem& problem);
nlohmann::ordered_json problems_json(const Problems& problems);

/// Indented, ends in a newline; bytes that are no UTF-8 are replaced, never thrown about.
std::string json_text(const nlohmann::ordered_json& json);

}  // namespace kvmrt::launcher
