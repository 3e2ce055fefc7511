// SPDX-License-Identifier: MIT
// New values in the text of a profile. All else of it stays byte for byte: comments, the order of
// keys, blanks.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "profiles/profile.h"

namespace kvmrt::profiles {

/// Of a file with several profiles, the lines of this one. `line` is any in it, from 1.
std::string document_text(std::string_view text, int line);

/// `text` is that of the one profile `profile`, `values` are by dotted key ("disks[0].path") and go
/// in as strings. A key must stand in the text, as a scalar in one line: code cannot-edit else.
Checked<std::string> with_values(std::string_view text, const Profile& profile,
                                 const std::map<std::string, std::string>& values);

/// Whether the key stands in the file.
bool is_written(const Profile& profile, const std::string& key);

}  // namespace kvmrt::profiles
