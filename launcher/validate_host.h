// SPDX-License-Identifier: MIT
// Is this host fit? The check catalogue, judged for the profiles of -f.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/problem.h"
#include "launcher/options.h"
#include "partition/checks/check.h"

namespace kvmrt::launcher {

struct ValidateHostOptions {
  CommonOptions common;
  bool config_named = false;       ///< -f was given: then it must be there
  std::string root;                ///< "" this host, a folder, or a text snapshot
  std::vector<std::string> ids;    ///< only these checks; "": all
  std::chrono::seconds sample{0};  ///< how long to count interrupts and SMIs
};

struct HostVerdict {
  std::vector<partition::checks::Result> results;
  Problems problems;  ///< why VMs cannot run on this host as configured; broken profiles too

  [[nodiscard]] partition::checks::Status verdict() const;
};

/// Throws Refused where no profile can be read, for a broken host file, and for ids that do not
/// exist.
HostVerdict validate_host(const ValidateHostOptions& options);

}  // namespace kvmrt::launcher
