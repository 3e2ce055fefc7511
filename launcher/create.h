// SPDX-License-Identifier: MIT
// A new profile from the template.
#pragma once

#include <string>
#include <vector>

#include "launcher/options.h"

namespace kvmrt::launcher {

struct CreateOptions {
  CommonOptions common;
  std::string name;
  int vcpus = 1;
  bool rt = false;     ///< real-time, or an error where the host has no room for it
  bool no_rt = false;  ///< neither: real-time where it has
  std::string cpuset;  ///< "": suggested
  std::string memory;
  std::vector<std::string> disks;
  std::string kernel, initrd, cmdline;
};

/// Writes NAME.yaml into the folder of -f and prints its path. Throws Refused; nothing is written
/// then.
void create_profile(const CreateOptions& options);

}  // namespace kvmrt::launcher
