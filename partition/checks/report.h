// SPDX-License-Identifier: MIT
// Results of the checks as JSON (product section 9) and as a table for a person.
#pragma once

#include <span>
#include <string>

#include "base/problem.h"
#include "partition/checks/check.h"

namespace kvmrt::partition::checks {

struct TableStyle {
  bool all = false;  ///< also what is ok or not applicable
  bool colour = false;
  std::size_t width = 100;  ///< columns, at least 60
};

/// {"verdict", "checks": [{"id", "title", "status", "found", "wanted", "why", "fix", "at_start"}],
/// "problems": […]}; a problem (a VM that cannot run here as configured) fails the whole.
std::string as_json(std::span<const Result> results, const Problems& problems = {});

/// Groups with their checks, a summary line, then the fixes gathered by the place where they
/// belong.
std::string as_table(std::span<const Result> results, const Problems& problems,
                     const TableStyle& style);

}  // namespace kvmrt::partition::checks
