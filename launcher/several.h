// SPDX-License-Identifier: MIT
// What commands for several VMs have in common: which are meant, and the exit code of them all.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "launcher/options.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// Of several outcomes: 5, then 1, then the highest.
int worst_of(const std::vector<int>& codes);

/// The profiles of -f with these names; with none given, those with autostart. Throws Refused for
/// profiles that cannot be read and names that are not there.
std::vector<profiles::Profile> chosen_profiles(const CommonOptions& common,
                                               const std::vector<std::string>& names);

}  // namespace kvmrt::launcher
