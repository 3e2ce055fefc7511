// SPDX-License-Identifier: MIT
// Logs of a VM that survive its next start.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/fd.h"

namespace kvmrt::launcher {

/// qemu.log becomes qemu.log.1, that .2 and so on; `keep` old ones stay. An empty or absent log is
/// not rotated. Throws SystemError.
void rotate_log(const std::filesystem::path& path, int keep = 5);

/// A new, empty log (mode 0600, append, close-on-exec), the old one rotated away.
Fd open_log(const std::filesystem::path& path, int keep = 5);

/// The end of a log for an error message: its last `lines` lines, not more than `limit`; control
/// bytes other than the tab are shown as '?'. "" when there is none.
std::string log_tail(const std::filesystem::path& path, std::size_t lines = 10,
                     Bytes limit = kib(4));

}  // namespace kvmrt::launcher
