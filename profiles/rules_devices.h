// SPDX-License-Identifier: MIT
#pragma once

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::profiles {

/// The part of check_rules() (profiles/rules.h) about iothreads, disks, networks and PCI devices.
Problems check_devices(const Profile& profile);

}  // namespace kvmrt::profiles
