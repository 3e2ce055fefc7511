// SPDX-License-Identifier: MIT
// What a failed start says: the step, what it was to reach, and the way out where one is known.
#pragma once

#include "base/error.h"
#include "launcher/spawn.h"
#include "launcher/spawn_child.h"

namespace kvmrt::launcher {

SystemError step_error(const ChildSpec& spec, const Failure& failure);
SystemError fork_error(const ChildSpec& spec, int error);

/// "RLIMIT_MEMLOCK".
const char* limit_name(int resource);

}  // namespace kvmrt::launcher
