// SPDX-License-Identifier: MIT
#include "launcher/network_links.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "launcher/command_line.h"

namespace kvmrt::launcher {
namespace {

using partition::LinkRequest;

constexpr std::size_t kLongestName = 15;  // IFNAMSIZ less the closing zero

const profiles::Network& network_at(const profiles::Profile& profile, int index) {
  return profile.networks.at(static_cast<std::size_t>(index));
}

/// A name that does not fit is cut, and told apart by the bytes that make its address differ too.
std::string made_name(const std::string& vm, int index) {
  const std::string end = fmt::format("-net{}", index);
  if (vm.size() + end.size() <= kLongestName) return vm + end;
  const std::string mac = derived_mac(vm, 0);  // "52:54:00:12:34:56"
  const std::string hash = mac.substr(9, 2) + mac.substr(12, 2) + mac.substr(15, 2);
  return vm.substr(0, kLongestName - end.size() - hash.size()) + hash + end;
}

/// A bridge without an address of its own takes the lowest of its ports': never a guest's.
std::string tap_mac(const std::string& guest) {
  std::string mac = guest;
  mac.replace(0, 2, mac.starts_with("fe") ? "fa" : "fe");
  return mac;
}

}  // namespace

std::string guest_mac(const profiles::Profile& profile, int index) {
  std::string mac = network_at(profile, index).mac;
  if (mac == "auto") return derived_mac(profile.name, index);
  std::transform(mac.begin(), mac.end(), mac.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return mac;
}

std::string link_name(const profiles::Profile& profile, int index) {
  const profiles::Network& network = network_at(profile, index);
  if (network.type == "macvtap") return made_name(profile.name, index);
  if (network.type != "tap") return {};
  return network.device.empty() ? made_name(profile.name, index) : network.device;
}

std::vector<LinkRequest> links_of(const profiles::Profile& profile) {
  std::vector<LinkRequest> links;
  for (int index = 0; index < static_cast<int>(profile.networks.size()); ++index) {
    const profiles::Network& network = network_at(profile, index);
    const std::string mac = guest_mac(profile, index);
    if (network.type == "tap" && network.device.empty())
      links.push_back({LinkRequest::Kind::tap, link_name(profile, index), network.bridge,
                       tap_mac(mac), network.queues > 1});
    if (network.type == "macvtap")
      links.push_back({LinkRequest::Kind::macvtap, link_name(profile, index), network.device, mac,
                       network.queues > 1});
  }
  return links;
}

}  // namespace kvmrt::launcher
