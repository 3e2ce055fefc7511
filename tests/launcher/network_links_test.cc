// SPDX-License-Identifier: MIT
#include "launcher/network_links.h"

#include <gtest/gtest.h>

#include "launcher/command_line.h"

namespace kvmrt::launcher {
namespace {

using partition::LinkRequest;

profiles::Profile with(std::vector<profiles::Network> networks, const std::string& name = "line3") {
  profiles::Profile profile;
  profile.name = name;
  profile.networks = std::move(networks);
  return profile;
}

profiles::Network network(const std::string& type, const std::string& bridge,
                          const std::string& device = "", const std::string& mac = "auto") {
  profiles::Network made;
  made.type = type;
  made.bridge = bridge;
  made.device = device;
  made.mac = mac;
  return made;
}

TEST(NetworkLinks, AreMadeForBridgesAndMacvtapsOnly) {
  auto profile = with({network("user", ""), network("tap", "br0"), network("tap", "", "tap7"),
                       network("macvtap", "", "eth0", "52:54:00:AA:BB:CC")});
  profile.networks[1].queues = 2;
  const std::string mac = derived_mac("line3", 1);
  EXPECT_EQ(links_of(profile),
            (std::vector<LinkRequest>{
                {LinkRequest::Kind::tap, "line3-net1", "br0", "fe" + mac.substr(2), true},
                {LinkRequest::Kind::macvtap, "line3-net3", "eth0", "52:54:00:aa:bb:cc", false}}));
  EXPECT_EQ(link_name(profile, 0), "");
  EXPECT_EQ(link_name(profile, 2), "tap7");
}

TEST(NetworkLinks, OfLongNamesFitTheKernelAndStayApart) {
  const auto one = with({network("tap", "br0")}, "assembly-line-north-1");
  const auto two = with({network("tap", "br0")}, "assembly-line-north-2");
  EXPECT_LE(link_name(one, 0).size(), 15U);
  EXPECT_NE(link_name(one, 0), link_name(two, 0));
  EXPECT_EQ(link_name(one, 0).substr(0, 4), "asse");
}

TEST(NetworkLinks, ATapNeverHasItsGuestsAddress) {
  const auto profile = with({network("tap", "br0", "", "fe:54:00:00:00:01")});
  EXPECT_EQ(links_of(profile).at(0).mac, "fa:54:00:00:00:01");
  EXPECT_EQ(guest_mac(profile, 0), "fe:54:00:00:00:01");
}

}  // namespace
}  // namespace kvmrt::launcher
