// SPDX-License-Identifier: MIT
// Are the interfaces there that a profile's networks need, and may we make the others?
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// An interface of the host that a profile names.
struct InterfaceFacts {
  bool present = false;
  bool bridge = false;
  bool tap = false;
  bool many_queues = false;  ///< of a tap
  bool up = false;
  std::string master;  ///< bridge or bond that it is a port of, "" for none
};

struct NetworkFacts {
  std::map<std::string, InterfaceFacts> interfaces;  ///< those that the profile names
  int tun_errno = 0;                                 ///< of /dev/net/tun, where a tap is wanted
  int vhost_errno = 0;                               ///< of /dev/vhost-net, where vhost is wanted
  bool may_make = true;                              ///< CAP_NET_ADMIN
};

/// Looks; loads no module and opens nothing.
NetworkFacts probe_network(const profiles::Profile& profile,
                           const std::filesystem::path& root = "/");

/// Problems "no-such-interface", "interface-not-usable", "vhost-not-usable", and
/// "network-not-allowed", which is about rights. Pure.
Problems network_problems(const profiles::Profile& profile, const NetworkFacts& facts);

}  // namespace kvmrt::launcher
