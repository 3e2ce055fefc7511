// SPDX-License-Identifier: MIT
// What the service manager hears of us (sd_notify). Without NOTIFY_SOCKET each call costs nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/ids.h"

namespace kvmrt::launcher {

/// Is anyone listening?
bool has_service_manager();

void notify_ready(const std::string& status);      ///< READY=1, also ends a reload
void notify_reloading(const std::string& status);  ///< until the next notify_ready
void notify_status(const std::string& status);
void notify_stopping(const std::string& status);
void notify_main_pid(Pid pid);
/// We need so long from now on, for start or stop.
void notify_extend_timeout(std::chrono::microseconds time);
void notify_watchdog();

/// How often notify_watchdog must be called: half of WATCHDOG_USEC; nothing when no watchdog is
/// set, or it is meant for another process (WATCHDOG_PID).
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace kvmrt::launcher
