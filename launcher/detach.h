// SPDX-License-Identifier: MIT
// A supervisor of its own, without a terminal, for a VM that runs on after the command returned.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "launcher/blueprint.h"
#include "launcher/launch.h"

namespace kvmrt::launcher {

/// A supervisor on its way.
class Detached {
 public:
  /// Forks; call before any thread or io_context exists.
  Detached(Blueprint blueprint, const LaunchOptions& options);
  /// Readable when the outcome of the start is known.
  [[nodiscard]] int fd() const { return from_child_.get(); }
  /// Waits for it: 0 when the guest runs, else the supervisor's exit code.
  int outcome();

 private:
  Fd from_child_;
  pid_t child_ = -1;
};

/// Returns when the guest runs (0) or did not come to that (the supervisor's exit code). Until then
/// the supervisor's messages appear here; afterwards in the VM's supervisor.log.
int launch_detached(Blueprint blueprint, const LaunchOptions& options);

}  // namespace kvmrt::launcher
