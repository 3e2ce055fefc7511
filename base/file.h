// SPDX-License-Identifier: MIT
// Small files whole: those of /proc and /sys, profiles, the ledger.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace kvmrt {

/// The whole text, at most `limit` (then SystemError EFBIG). Throws SystemError "read PATH".
std::string read_file(const std::filesystem::path& path, Bytes limit = mib(64));

/// The same, nothing when the file or a folder above it is absent (ENOENT, ENOTDIR, ENODEV).
std::optional<std::string> read_file_if_any(const std::filesystem::path& path,
                                            Bytes limit = mib(64));

/// One write(2) to an existing file, as sysfs and procfs want it. Returns 0 or the errno of open
/// or write; throws nothing, since "no" is an ordinary answer there.
int write_knob(const std::filesystem::path& path, std::string_view text);

/// Must the text survive a crash of the machine, or only one of this process? On a disk, syncing
/// costs some 10 ms; what a reboot forgets anyway needs none.
enum class Sync { yes, no };

/// Replaces the file by rename(2) of a temporary beside it, so that a reader sees the old or the
/// new text and a crash leaves one of them. Throws SystemError.
void replace_file(const std::filesystem::path& path, std::string_view text, unsigned mode = 0600,
                  Sync sync = Sync::yes);

/// Without leading and trailing white space.
std::string_view trimmed(std::string_view text);

/// The lines, without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

/// The fields between runs of blanks.
std::vector<std::string_view> fields_of(std::string_view text);

}  // namespace kvmrt
