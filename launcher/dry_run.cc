// SPDX-License-Identifier: MIT
#include "launcher/dry_run.h"

#include <fmt/core.h>

#include "base/error.h"

namespace kvmrt::launcher {

int print_dry_run(const Blueprint& blueprint, const CommonOptions& /*common*/) {
  for (const Problem& problem : blueprint.problems) fmt::print("{}\n", to_string(problem));
  fmt::print("{}\n", to_shell(blueprint.invocation.argv));
  return static_cast<int>(has_error(blueprint.problems) ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
