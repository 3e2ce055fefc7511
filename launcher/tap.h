// SPDX-License-Identifier: MIT
// Queues of tap and macvtap interfaces, opened for QEMU.
#pragma once

#include <string>

#include "base/fd.h"

namespace kvmrt::launcher {

/// One queue of a tap or macvtap that exists; which of them it is, and whether it has several
/// queues, the kernel tells. A macvtap's device node /dev/tapN need not be there: without udev, and
/// in a network namespace of its own, nobody may make it; then a node of ours serves, and goes at
/// once. Throws SystemError naming the interface.
Fd open_tap(const std::string& interface);

}  // namespace kvmrt::launcher
