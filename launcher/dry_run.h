// SPDX-License-Identifier: MIT
// What a launch would do, as text or JSON; changes nothing.
#pragma once

#include "launcher/blueprint.h"
#include "launcher/options.h"

namespace kvmrt::launcher {

/// Exit code: 0, or 3 when the plan has errors (printed too).
int print_dry_run(const Blueprint& blueprint, const CommonOptions& common);

}  // namespace kvmrt::launcher
