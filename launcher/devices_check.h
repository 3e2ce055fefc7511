// SPDX-License-Identifier: MIT
// What QEMU's devices cannot do, although the profile's keys are right one by one (profiles/rules.h
// checks what needs no knowledge of QEMU). Pure; reads nothing of the host.
#pragma once

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// Errors disk-bus, network-vhost, network-model, network-queues, serial-ports, shared-memory-size.
Problems check_devices(const profiles::Profile& profile);

}  // namespace kvmrt::launcher
