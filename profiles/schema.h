// SPDX-License-Identifier: MIT
// What the key table says to machines and to readers of the manual.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace kvmrt::profiles {

/// JSON Schema (draft 2020-12) of a profile, of the host file.
nlohmann::ordered_json profile_schema();
nlohmann::ordered_json host_schema();

/// The keys as entries of a man(7) page: .TP, name, type, default, help.
std::string profile_keys_as_man();
std::string host_keys_as_man();

/// The keys as a Markdown table: key, what it takes, default, meaning.
std::string profile_keys_as_markdown();
std::string host_keys_as_markdown();

}  // namespace kvmrt::profiles
