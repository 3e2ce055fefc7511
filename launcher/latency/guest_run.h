// SPDX-License-Identifier: MIT
// Boots the measuring guest under a profile, placed and proven like any guest, with the same CPUs
// of the host measured just before in the same lease.
#pragma once

#include <string>

#include "launcher/blueprint.h"
#include "launcher/latency/guest.h"
#include "launcher/latency/report.h"

namespace kvmrt::launcher::latency {

struct GuestOptions {
  CommonOptions common;  ///< -f, --set
  std::string profile;
  std::string accelerator;
  std::string image;  ///< folder; "": where it is installed
  GuestWish wish;
  int budget_us = -1;  ///< instead of the profile's; -1: the profile's
  bool load = false;
};

/// Throws Refused (profile, plan), std::runtime_error (no image, no result), and EndedBefore with
/// the exit code of a launch that failed.
Report measure_guest(const GuestOptions& options);

}  // namespace kvmrt::launcher::latency
