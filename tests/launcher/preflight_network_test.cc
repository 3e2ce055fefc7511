// SPDX-License-Identifier: MIT
#include "launcher/preflight_network.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

/// The code and key of the only problem, "" for none.
std::string only(const profiles::Network& network, const NetworkFacts& facts) {
  profiles::Profile profile;
  profile.name = "line3";
  profile.networks = {network};
  std::string text;
  for (const Problem& problem : network_problems(profile, facts))
    text += (text.empty() ? "" : " ") + problem.code + "@" + problem.key;
  return text;
}

profiles::Network network(const std::string& type, const std::string& bridge,
                          const std::string& device = "") {
  profiles::Network made;
  made.type = type;
  made.bridge = bridge;
  made.device = device;
  return made;
}

NetworkFacts host(const std::string& name, InterfaceFacts facts) {
  facts.present = true;
  NetworkFacts made;
  made.interfaces[name] = facts;
  return made;
}

InterfaceFacts bridge() {
  InterfaceFacts facts;
  facts.bridge = true;
  return facts;
}

InterfaceFacts tap_facts(bool many_queues) {
  InterfaceFacts facts;
  facts.tap = true;
  facts.many_queues = many_queues;
  return facts;
}

InterfaceFacts up(const std::string& master) {
  InterfaceFacts facts;
  facts.up = true;
  facts.master = master;
  return facts;
}

TEST(NetworkProblems, OfABridge) {
  const auto tap = network("tap", "br0");
  EXPECT_EQ(only(tap, host("br0", bridge())), "");
  EXPECT_EQ(only(tap, {}), "no-such-interface@networks[0].bridge");
  EXPECT_EQ(only(tap, host("br0", {})), "interface-not-usable@networks[0].bridge");
  NetworkFacts no_tun = host("br0", bridge());
  no_tun.tun_errno = ENOENT;
  EXPECT_EQ(only(tap, no_tun), "interface-not-usable@networks[0].type");
}

TEST(NetworkProblems, OfATapThatTheAdministratorMade) {
  auto tap = network("tap", "", "tap7");
  NetworkFacts facts = host("tap7", tap_facts(false));
  facts.may_make = false;  // nothing is made
  EXPECT_EQ(only(tap, facts), "");
  EXPECT_EQ(only(tap, host("tap7", {})), "interface-not-usable@networks[0].device");
  EXPECT_EQ(only(tap, host("tap7", tap_facts(true))), "interface-not-usable@networks[0].queues");
  tap.queues = 2;
  EXPECT_EQ(only(tap, host("tap7", tap_facts(false))), "interface-not-usable@networks[0].queues");
}

TEST(NetworkProblems, OfTheInterfaceBelowAMacvtap) {
  const auto macvtap = network("macvtap", "", "eth0");
  EXPECT_EQ(only(macvtap, host("eth0", up(""))), "");
  EXPECT_EQ(only(macvtap, host("eth0", {})), "interface-not-usable@networks[0].device");
  EXPECT_EQ(only(macvtap, host("eth0", up("br0"))), "interface-not-usable@networks[0].device");
}

TEST(NetworkProblems, VhostNeedsItsDevice) {
  auto tap = network("tap", "br0");
  tap.vhost = true;
  NetworkFacts facts = host("br0", bridge());
  EXPECT_EQ(only(tap, facts), "");
  facts.vhost_errno = ENOENT;
  EXPECT_EQ(only(tap, facts), "vhost-not-usable@networks[0].vhost");
}

TEST(NetworkProblems, MakingAnInterfaceNeedsTheRight) {
  NetworkFacts facts = host("br0", bridge());
  facts.may_make = false;
  EXPECT_EQ(only(network("tap", "br0"), facts), "network-not-allowed@networks");
}

}  // namespace
}  // namespace kvmrt::launcher
