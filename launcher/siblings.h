// SPDX-License-Identifier: MIT
// siblings: at-boot of the host file. SMT siblings go offline once, before any guest runs, so that
// starting and ending RT VMs does no hotplug, which stops all CPUs.
#pragma once

#include "base/error.h"
#include "launcher/options.h"

namespace kvmrt::launcher {

/// Takes the siblings of all configured RT VMs offline as the host file says; those that need it no
/// more come back. Throws Refused for configurations with errors, and then changes nothing.
ExitCode hold_siblings(const CommonOptions& common);

/// All come back, at once or when the last RT VM ends.
ExitCode release_siblings(const CommonOptions& common);

}  // namespace kvmrt::launcher
