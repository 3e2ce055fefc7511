// SPDX-License-Identifier: MIT
// A supervisor of its own, without a terminal, for a VM that runs on after the command returned.
#pragma once

#include "launcher/blueprint.h"
#include "launcher/launch.h"

namespace kvmrt::launcher {

/// Returns when the guest runs (0) or did not come to that (the supervisor's exit code). Until then
/// the supervisor's messages appear here; afterwards in the VM's supervisor.log.
int launch_detached(Blueprint blueprint, const LaunchOptions& options);

}  // namespace kvmrt::launcher
