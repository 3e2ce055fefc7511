// SPDX-License-Identifier: MIT
#include "profiles/rules_devices.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <set>
#include <utility>

namespace kvmrt::profiles {
namespace {

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Whether `text` looks like `pattern`, where x stands for a hexadecimal digit.
bool looks_like(std::string_view text, std::string_view pattern) {
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(),
                    [](char c, char p) { return p == 'x' ? is_hex(c) : c == p; });
}

bool is_mac(std::string_view text) {
  if (!looks_like(text, "xx:xx:xx:xx:xx:xx")) return false;
  const char c = text[1];  // an odd first octet is a group address
  return std::string_view("02468aceACE").find(c) != std::string_view::npos;
}

bool is_pci_address(std::string_view text) {
  return looks_like(text, "xxxx:xx:xx.x") && text.back() >= '0' && text.back() <= '7';
}

/// As the kernel has it (dev_valid_name).
bool is_interface(std::string_view text) {
  return !text.empty() && text.size() <= 15 && text != "." && text != ".." &&
         text.find_first_of("/: \t\n\r\v\f") == std::string_view::npos;
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

/// [tcp:|udp:][ADDRESS:]HOSTPORT:GUESTPORT
bool is_forward(std::string_view text) {
  if (text.starts_with("tcp:") || text.starts_with("udp:")) text.remove_prefix(4);
  const std::size_t last = text.rfind(':');
  if (last == std::string_view::npos || !is_port(text.substr(last + 1))) return false;
  const std::string_view host = text.substr(0, last);
  const std::size_t before = host.rfind(':');
  if (before == std::string_view::npos) return is_port(host);
  const std::string_view address = host.substr(0, before);
  return is_port(host.substr(before + 1)) &&
         address.find_first_not_of("0123456789.") == std::string_view::npos;
}

class Devices {
 public:
  explicit Devices(const Profile& profile) : profile_(profile) {}

  Problems run() {
    iothreads();
    for (std::size_t i = 0; i < profile_.disks.size(); ++i) disk(profile_.disks[i], i);
    for (std::size_t i = 0; i < profile_.networks.size(); ++i) network(profile_.networks[i], i);
    pci();
    return std::move(problems_);
  }

 private:
  void refuse(const std::string& key, std::string code, std::string message) {
    problems_.push_back({Severity::error, std::move(code), profile_.name, key, std::move(message),
                         "", profile_.place_of(key)});
  }

  void iothreads() {
    std::set<std::string> names;
    for (std::size_t i = 0; i < profile_.iothreads.size(); ++i) {
      const Iothread& thread = profile_.iothreads[i];
      if (!names.insert(thread.name).second)
        refuse(fmt::format("iothreads[{}].name", i), "duplicate-iothread",
               fmt::format("'{}' is the name of an earlier iothread too", thread.name));
      if (thread.cpuset && profile_.cpuset.is_set() &&
          !thread.cpuset->subset_of(profile_.cpuset.set))
        refuse(fmt::format("iothreads[{}].cpuset", i), "iothread-outside-cpuset",
               fmt::format("{} is not within cpuset {}", thread.cpuset->list(),
                           profile_.cpuset.set.list()));
    }
  }

  void disk(const Disk& disk, std::size_t i) {
    const auto key = [i](const char* name) { return fmt::format("disks[{}].{}", i, name); };
    const bool known =
        std::any_of(profile_.iothreads.begin(), profile_.iothreads.end(),
                    [&](const Iothread& thread) { return thread.name == disk.iothread; });
    if (!disk.iothread.empty() && !known)
      refuse(key("iothread"), "no-such-iothread",
             fmt::format("there is no iothread '{}' among iothreads", disk.iothread));
    if (!disk.iothread.empty() && disk.bus != "virtio" && disk.bus != "scsi")
      refuse(key("iothread"), "not-together",
             fmt::format("bus {} has no iothreads; virtio and scsi have", disk.bus));
    const bool direct = disk.cache == "none" || disk.cache == "directsync";
    if (disk.aio == "native" && !direct)
      refuse(key("aio"), "not-together",
             fmt::format("native needs cache none or directsync, found {}", disk.cache));
    if (disk.path.empty() && disk.media == "disk")
      refuse(key("path"), "missing-key", "a disk needs the path of its image");
  }

  void network(const Network& network, std::size_t i) {
    const auto key = [i](const char* name) { return fmt::format("networks[{}].{}", i, name); };
    if (network.mac != "auto" && !is_mac(network.mac))
      refuse(key("mac"), "wrong-type",
             fmt::format("found '{}'; allowed: auto or a unicast address 52:54:00:12:34:56",
                         network.mac));
    if (network.type == "macvtap" && network.device.empty())
      refuse(key("device"), "missing-key", "macvtap needs the lower interface");
    if (network.type == "vhost-user" && network.socket.empty())
      refuse(key("socket"), "missing-key", "vhost-user needs the switch's socket");
    if (network.type == "tap" && network.bridge.empty() && network.device.empty())
      refuse(key("bridge"), "missing-key", "tap needs a bridge or an existing device");
    if (network.type == "tap" && !network.bridge.empty() && !network.device.empty())
      refuse(key("device"), "not-together",
             "a bridge has a tap made for it, a device is a tap that exists: name one of them");
    names_of_its_type(network, key);
    for (std::size_t f = 0; f < network.forward.size(); ++f)
      forward(network, network.forward[f], fmt::format("networks[{}].forward[{}]", i, f));
  }

  /// Keys of another type would do nothing.
  template <class Key>
  void names_of_its_type(const Network& network, Key key) {
    const bool device = network.type == "tap" || network.type == "macvtap";
    if (!network.bridge.empty() && network.type != "tap")
      refuse(key("bridge"), "not-together",
             fmt::format("type {} has no bridge; tap has", network.type));
    if (!network.device.empty() && !device)
      refuse(key("device"), "not-together",
             fmt::format("type {} has no device; tap and macvtap have", network.type));
    if (!network.socket.empty() && network.type != "vhost-user")
      refuse(key("socket"), "not-together",
             fmt::format("type {} has no socket; vhost-user has", network.type));
    for (const auto& [name, text] :
         {std::pair{"bridge", network.bridge}, std::pair{"device", network.device}}) {
      if (!text.empty() && !is_interface(text))
        refuse(key(name), "wrong-type",
               fmt::format("found '{}'; allowed: an interface's name, 1 to 15 characters without "
                           "'/', ':' and blanks",
                           text));
    }
  }

  void forward(const Network& network, const std::string& rule, const std::string& key) {
    if (network.type != "user")
      refuse(key, "not-together", fmt::format("type {} forwards no ports", network.type));
    if (!is_forward(rule))
      refuse(key, "wrong-type",
             fmt::format("found '{}'; allowed: [tcp:|udp:][ADDRESS:]HOSTPORT:GUESTPORT", rule));
  }

  void pci() {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < profile_.pci.size(); ++i) {
      const std::string key = fmt::format("pci[{}]", i);
      if (!is_pci_address(profile_.pci[i]))
        refuse(
            key, "wrong-type",
            fmt::format("found '{}'; allowed: an address such as 0000:03:00.0", profile_.pci[i]));
      if (!seen.insert(profile_.pci[i]).second)
        refuse(key, "duplicate-device", "it stands in the list twice");
    }
  }

  const Profile& profile_;
  Problems problems_;
};

}  // namespace

Problems check_devices(const Profile& profile) { return Devices(profile).run(); }

}  // namespace kvmrt::profiles
