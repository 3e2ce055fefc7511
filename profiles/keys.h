// SPDX-License-Identifier: MIT
// The one table of all keys of a profile, and that of the host file. Rows stand in the order in
// which show-config prints them and the manual lists them; a section's row precedes its keys'.
#pragma once

#include "profiles/field.h"

namespace kvmrt::profiles {

const Table& profile_keys();
const Table& host_keys();

/// The rows by subject; profile_keys() joins them.
Table identity_keys();
Table realtime_keys();
Table machine_keys();
Table device_keys();
Table lifecycle_keys();

/// Rows below `section` ("" for the top), one level: {"realtime", …} or {"realtime.policy", …}.
std::vector<std::string> names_below(const Table& table, std::string_view section);

const Field* find_field(const Table& table, std::string_view name);

/// Whether any row stands below this name, so that it is a section even without a row of its own.
bool is_section(const Table& table, std::string_view name);

/// "" or "did you mean 'realtime.priority'?": the row nearest to a misspelt key of that section.
std::string suggestion(const Table& table, std::string_view section, std::string_view wrong);

}  // namespace kvmrt::profiles
