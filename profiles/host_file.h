// SPDX-License-Identifier: MIT
// The administrator's host file: same YAML, same errors as a profile.
#pragma once

#include <string>
#include <string_view>

#include "base/problem.h"
#include "partition/policy.h"

namespace kvmrt::profiles {

Checked<partition::HostPolicy> load_host_text(std::string_view text, const std::string& file_name);

/// An absent file gives the defaults.
Checked<partition::HostPolicy> load_host_file(const std::string& path);

}  // namespace kvmrt::profiles
