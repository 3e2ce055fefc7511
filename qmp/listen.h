// SPDX-License-Identifier: MIT
// The monitor's socket, made before QEMU exists: QEMU inherits the listening end, so connecting
// needs no polling, and a QEMU that dies in its start shows at once as the end of the connection.
#pragma once

#include <filesystem>

#include "base/fd.h"

namespace kvmrt::qmp {

struct MonitorSocket {
  Fd listening;  ///< for QEMU: clear close-on-exec in the child and close it here after the fork,
                 ///< or the end of QEMU is never seen
  Fd connected;  ///< for the Client; waits in the backlog until QEMU serves it
};

/// Binds, listens and connects. The folder must exist and should be of mode 0700: who can reach
/// the path can command QEMU. Any length of path; a left-over socket that nobody listens on is
/// replaced, a live one is SystemError EADDRINUSE, anything else there EEXIST. All descriptors are
/// close-on-exec.
MonitorSocket listen_and_connect(const std::filesystem::path& path);

/// Only the first half, for sockets of our own.
Fd listen_at(const std::filesystem::path& path, int backlog);

/// A connection to a socket that somebody listens on. Does not wait: SystemError ECONNREFUSED when
/// nobody does, EAGAIN when its queue is full.
Fd connect_to(const std::filesystem::path& path);

}  // namespace kvmrt::qmp
