// SPDX-License-Identifier: MIT
// What is wrong with a profile's devices as such: combinations that QEMU refuses or, worse, accepts
// and breaks. Pure; reads nothing of the host.
#pragma once

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// All errors: disk-aio-needs-direct, disk-bus-no-iothread, disk-iothread-unknown,
/// disk-bus-no-errors, disk-bus-readonly, disk-cdrom-bus, network-forward, network-mac,
/// network-vhost, network-queues, network-device, numa-memory, numa-vcpus, serial-ports,
/// serial-stdio.
Problems check_devices(const profiles::Profile& profile);

}  // namespace kvmrt::launcher
