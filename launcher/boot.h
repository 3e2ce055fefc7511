// SPDX-License-Identifier: MIT
// Starts several VMs. The host is changed for all of them in one reconcile, before the first guest
// runs, since CPU hotplug and partitions disturb guests that already run.
#pragma once

#include <string>
#include <vector>

#include "launcher/options.h"

namespace kvmrt::launcher {

struct BootOptions {
  CommonOptions common;
  std::vector<std::string> names;  ///< empty: all with autostart
};

/// Exit code by the worst; a VM that fails does not stop the others. One line of progress per VM
/// and step.
int boot(const BootOptions& options);

}  // namespace kvmrt::launcher
