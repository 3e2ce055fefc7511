// SPDX-License-Identifier: MIT
// What the commands that change profiles have in common: the folder they may write, the problems of
// what they wrote, the system brought in line.
#pragma once

#include <string>
#include <vector>

#include "launcher/options.h"
#include "profiles/load.h"

namespace kvmrt::launcher {

/// -f as the folder for new profiles. Throws Refused when it is a file.
std::string profile_folder(const CommonOptions& common);

/// The problems that validate-config shows, of these VMs only; of none when `vms` is empty.
Problems problems_of(const CommonOptions& common, const std::vector<std::string>& vms);

/// A new profile: checked as text, installed beside no other of its name, its problems on this host
/// printed to standard error. Throws Refused and SystemError; nothing is installed then.
void add_profile(const CommonOptions& common, const std::string& name, const std::string& path,
                 const std::string& text);

}  // namespace kvmrt::launcher
