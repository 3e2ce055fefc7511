// SPDX-License-Identifier: MIT
// QEMU's version without paying for it at every start: `BINARY --version` takes about 20 ms (it
// loads QEMU's 60 libraries), twice what a whole launch may cost. The version is a property of the
// file, so it is asked once per file and remembered under the state folder by path, size, inode and
// times of modification and change; the first launch after an upgrade pays. The greeting of QMP
// names the version again, for the session to compare.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "launcher/command_line.h"

namespace kvmrt::launcher {

/// The path that execvp(3) would take, symbolic links resolved. Throws SystemError "find NAME".
std::filesystem::path find_program(const std::string& name);

/// "QEMU emulator version 7.2.22 (Debian …)" → 7.2; nothing for other text.
std::optional<QemuVersion> parse_version(std::string_view text);

/// Runs `binary --version` unless `cache_folder` remembers this very file. A cache that cannot be
/// read, does not match or cannot be written is no error. Throws SystemError when the binary cannot
/// be run, or prints no QEMU version.
QemuVersion probe_version(const std::filesystem::path& binary,
                          const std::filesystem::path& cache_folder);

}  // namespace kvmrt::launcher
