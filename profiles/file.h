// SPDX-License-Identifier: MIT
// Reads a profile or host file, and refuses what root must not trust.
#pragma once

#include <string>

#include "base/problem.h"

namespace kvmrt::profiles {

/// The whole text of a regular file of at most 1 MiB. Codes: cannot-read, too-large, and when the
/// caller is root world-writable (the file, or its folder unless that is sticky).
Checked<std::string> read_trusted_file(const std::string& path);

/// The same for any effective user id; for tests.
Checked<std::string> read_trusted_file(const std::string& path, unsigned user_id);

}  // namespace kvmrt::profiles
