// SPDX-License-Identifier: MIT
// What a network's texts mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "profiles/profile.h"

namespace kvmrt::launcher {

/// A port forward of the user network: connections to the host's port reach the guest's.
struct Forward {
  std::string protocol = "tcp";  ///< tcp | udp
  std::string address;           ///< of the host; "": all
  int host_port = 0;             ///< 1..65535
  int guest_port = 0;
  friend bool operator==(const Forward&, const Forward&) = default;
};

/// "2222:22", "udp:5353:53", "127.0.0.1:8080:80", "tcp:127.0.0.1:8080:80"; nothing for other text.
std::optional<Forward> parse_forward(std::string_view text);

/// Six pairs of hex digits between colons, the first byte even (not a multicast address).
[[nodiscard]] bool valid_mac(std::string_view text);

/// QEMU's device: virtio-net-pci for "virtio", else the model itself ("e1000e").
std::string network_device(const profiles::Network& network);

}  // namespace kvmrt::launcher
