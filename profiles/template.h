// SPDX-License-Identifier: MIT
// The commented profile that 'kvmrt create' writes, out of the key table.
#pragma once

#include <string>

namespace kvmrt::profiles {

/// Loads as it is. Every key stands in it, with its default and commented out unless the caller
/// gives it: `cpuset` "" leaves that one out too. With a cpuset, `rt` makes the VM real-time.
std::string template_profile(const std::string& name, const std::string& cpuset, bool rt = true);

}  // namespace kvmrt::profiles
