// SPDX-License-Identifier: MIT
// Facts of the running host that no text file holds: whether KVM opens, SMI counters, the kernel's
// packed configuration, the idle latency request. Reads only.
#pragma once

#include <chrono>

#include "partition/checks/host_view.h"

namespace kvmrt::partition::checks {

/// Files below /kvmrt/. With `sample` above zero it waits that long between two readings of the
/// interrupt and SMI counters.
FactFiles live_facts(std::chrono::seconds sample);

}  // namespace kvmrt::partition::checks
