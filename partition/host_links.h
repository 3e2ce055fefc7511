// SPDX-License-Identifier: MIT
// Network interfaces of the machine we run on, through rtnetlink and the tun device.
#pragma once

#include <string>

#include "partition/links.h"

namespace kvmrt::partition {

/// 0 or an errno. Makes the interface where there is none of that name; then gives it its address,
/// puts it on its bridge (with the bridge's MTU, which would shrink else) and takes it up.
int make_system_link(const LinkRequest& link);

/// 0 or an errno; ENODEV when there is none.
int remove_system_link(const std::string& name);

}  // namespace kvmrt::partition
