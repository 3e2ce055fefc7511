// SPDX-License-Identifier: MIT
// The topology of a viewed host, for planning on it: also on one that was captured.
#pragma once

#include "partition/checks/host_view.h"
#include "partition/topology.h"

namespace kvmrt::partition::checks {

/// From sysfs below the view. Siblings of offline CPUs are not known there.
HostTopology topology_of(const HostView& host);

}  // namespace kvmrt::partition::checks
