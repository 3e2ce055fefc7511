// SPDX-License-Identifier: MIT
// The interfaces of the host that a profile's networks have: made for the VM, or given by name.
#pragma once

#include <string>
#include <vector>

#include "partition/links.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

inline constexpr const char* kVhostNet = "/dev/vhost-net";

/// Of a network of type tap or macvtap; "" for the others. The profile's `device` for a tap that
/// the administrator made; else a name of our own, "line3-net0", at most 15 bytes, that depends on
/// the VM's name and the network's index only.
std::string link_name(const profiles::Profile& profile, int index);

/// The card's address: the profile's, else one derived from the VM's name.
std::string guest_mac(const profiles::Profile& profile, int index);

/// What the lease makes; pure.
std::vector<partition::LinkRequest> links_of(const profiles::Profile& profile);

}  // namespace kvmrt::launcher
