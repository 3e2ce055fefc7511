// SPDX-License-Identifier: MIT
// Stops running VMs: the guest's power button, then harder by its profile; waits for all of them.
#pragma once

#include <string>
#include <vector>

#include "launcher/options.h"

namespace kvmrt::launcher {

struct ShutdownOptions {
  CommonOptions common;
  std::vector<std::string> names;  ///< empty: all that run
  bool force = false;              ///< end QEMU without asking the guest
};

/// Exit code by the worst. A name that is not running is done already; one that is not known at all
/// is refused. A guest without a supervisor gets one for its end.
int shut_down(const ShutdownOptions& options);

}  // namespace kvmrt::launcher
