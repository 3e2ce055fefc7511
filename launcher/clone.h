// SPDX-License-Identifier: MIT
// A second VM like one that is there.
#pragma once

#include <string>

#include "launcher/options.h"

namespace kvmrt::launcher {

struct CloneOptions {
  CommonOptions common;
  std::string old_name;
  std::string new_name;
  bool overlay = false;  ///< disks as qcow2 images over the old ones, instead of copies
};

/// The profile's text with its comments, another name, UUID and MACs, and disks of its own. Throws
/// Refused and SystemError; no file is left then.
void clone_vm(const CloneOptions& options);

}  // namespace kvmrt::launcher
