// SPDX-License-Identifier: MIT
// A vhost-user switch may come up after the VM's unit: QEMU would wait for its socket for ever.
#pragma once

#include <chrono>

#include "base/problem.h"
#include "launcher/command_line.h"

namespace kvmrt::launcher {

/// How long to wait where qemu.start_timeout says nothing.
inline constexpr std::chrono::seconds kSwitchLimit{30};

/// Returns when every switch's socket of these networks takes a connection. Says once that it
/// waits, and for what. After `limit` the problems "switch-not-there".
Problems wait_for_switches(const QemuInvocation& invocation, std::chrono::milliseconds limit);

}  // namespace kvmrt::launcher
