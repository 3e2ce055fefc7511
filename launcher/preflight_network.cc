// SPDX-License-Identifier: MIT
#include "launcher/preflight_network.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <unistd.h>

#include "base/file.h"
#include "launcher/command_line_draft.h"
#include "launcher/confine.h"
#include "launcher/network_links.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using profiles::Network;

constexpr const char* kTun = "dev/net/tun";

unsigned hex_in(const fs::path& file) {
  const std::string text = read_file_if_any(file).value_or("");
  unsigned value = 0;
  if (text.starts_with("0x"))
    std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  return value;
}

InterfaceFacts interface_at(const fs::path& folder) {
  InterfaceFacts facts;
  std::error_code none;
  facts.present = fs::exists(folder, none);
  facts.bridge = fs::exists(folder / "bridge", none);
  facts.tap = (hex_in(folder / "tun_flags") & IFF_TAP) != 0;
  facts.many_queues = (hex_in(folder / "tun_flags") & IFF_MULTI_QUEUE) != 0;
  facts.up = (hex_in(folder / "flags") & IFF_UP) != 0;
  const fs::path master = fs::read_symlink(folder / "master", none);
  if (!none) facts.master = master.filename().string();
  return facts;
}

int access_errno(const fs::path& path) {
  return ::access(path.c_str(), R_OK | W_OK) == 0 ? 0 : errno;
}

class Judge {
 public:
  Judge(const profiles::Profile& profile, const NetworkFacts& facts)
      : profile_(profile), facts_(facts) {}

  Problems run() {
    for (std::size_t i = 0; i < profile_.networks.size(); ++i) {
      index_ = static_cast<int>(i);
      judge(profile_.networks[i]);
    }
    if (!links_of(profile_).empty() && !facts_.may_make)
      refuse("network-not-allowed", "",
             "making an interface for the VM needs CAP_NET_ADMIN, and giving it back too",
             "run as root, or name a tap that the administrator made as the network's device");
    return std::move(problems_);
  }

 private:
  void refuse(std::string code, std::string_view member, std::string message, std::string hint) {
    problems_.push_back({Severity::error,
                         std::move(code),
                         profile_.name,
                         member.empty() ? "networks" : item_key("networks", index_, member),
                         std::move(message),
                         std::move(hint),
                         {}});
  }

  void judge(const Network& network) {
    if (network.type == "tap" && network.device.empty()) bridge(network.bridge);
    if (network.type == "tap" && !network.device.empty()) given_tap(network);
    if (network.type == "macvtap") lower(network.device);
    if (network.type == "tap" && facts_.tun_errno != 0)
      refuse("interface-not-usable", "type", unusable("/dev/net/tun", facts_.tun_errno),
             "modprobe tun");
    if (network.vhost && facts_.vhost_errno != 0)
      refuse("vhost-not-usable", "vhost", unusable(kVhostNet, facts_.vhost_errno),
             "modprobe vhost_net, or set vhost: false");
  }

  static std::string unusable(const std::string& path, int error) {
    return fmt::format("{}: {}", path, std::strerror(error));  // NOLINT(concurrency-mt-unsafe)
  }

  /// Nothing after a complaint.
  const InterfaceFacts* interface(const std::string& name, std::string_view member) {
    const auto at = facts_.interfaces.find(name);
    if (at != facts_.interfaces.end() && at->second.present) return &at->second;
    refuse("no-such-interface", member, fmt::format("the host has no interface {}", name),
           "'ip link' lists them");
    return nullptr;
  }

  void bridge(const std::string& name) {
    const InterfaceFacts* facts = interface(name, "bridge");
    if (facts != nullptr && !facts->bridge)
      refuse("interface-not-usable", "bridge", fmt::format("{} is not a bridge", name),
             fmt::format("make one: ip link add br0 type bridge; ip link set {} master br0", name));
  }

  void given_tap(const Network& network) {
    const std::string& name = network.device;
    const InterfaceFacts* facts = interface(name, "device");
    if (facts == nullptr) return;
    if (!facts->tap)
      refuse("interface-not-usable", "device", fmt::format("{} is not a tap", name),
             "for a tap on a bridge name the bridge; for any other interface use type: macvtap");
    else if (facts->many_queues != (network.queues > 1))
      refuse("interface-not-usable", "queues",
             fmt::format("{} was made for {}, found {}", name,
                         facts->many_queues ? "several queues" : "one queue", network.queues),
             facts->many_queues ? "set queues: 2 or more"
                                : "make it with: ip tuntap add mode tap multi_queue");
  }

  void lower(const std::string& name) {
    const InterfaceFacts* facts = interface(name, "device");
    if (facts == nullptr) return;
    if (!facts->master.empty())
      refuse("interface-not-usable", "device",
             fmt::format("{} is a port of {}, and a macvtap would take its packets", name,
                         facts->master),
             fmt::format("type: tap with bridge: {}", facts->master));
    else if (!facts->up)
      refuse("interface-not-usable", "device", fmt::format("{} is down", name),
             fmt::format("ip link set {} up", name));
  }

  const profiles::Profile& profile_;
  const NetworkFacts& facts_;
  int index_ = 0;
  Problems problems_;
};

}  // namespace

NetworkFacts probe_network(const profiles::Profile& profile, const fs::path& root) {
  NetworkFacts facts;
  for (const Network& network : profile.networks) {
    for (const std::string& name : {network.bridge, network.device})
      if (!name.empty()) facts.interfaces[name] = interface_at(root / "sys/class/net" / name);
    if (network.type == "tap") facts.tun_errno = access_errno(root / kTun);
    if (network.vhost) facts.vhost_errno = access_errno(root / "dev/vhost-net");
  }
  facts.may_make = own_capabilities().effective.has(CAP_NET_ADMIN);
  return facts;
}

Problems network_problems(const profiles::Profile& profile, const NetworkFacts& facts) {
  return Judge(profile, facts).run();
}

}  // namespace kvmrt::launcher
