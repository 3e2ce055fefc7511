// SPDX-License-Identifier: MIT
#include "partition/links.h"

#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

constexpr std::string_view kPrefix = "net:";
constexpr std::string_view kLower = "lower_";

std::string name_of(std::string_view knob) { return std::string(knob.substr(kPrefix.size())); }

std::optional<unsigned> hex_at(Host& host, const std::string& path) {
  const auto text = host.read(path);
  if (!text) return std::nullopt;
  std::string_view digits = trimmed(*text);
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  unsigned value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// The bridge it is a port of, by the line INTERFACE=… ; "" for none.
std::string bridge_of(Host& host, const std::string& folder) {
  constexpr std::string_view kKey = "INTERFACE=";
  const std::string text = host.read(folder + "/master/uevent").value_or("");
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
  }
  return {};
}

std::string lower_of(Host& host, const std::string& folder) {
  for (const std::string& name : host.list(folder)) {
    if (name.starts_with(kLower)) return name.substr(kLower.size());
  }
  return {};
}

LinkRequest link_at(Host& host, const std::string& name) {
  const std::string folder = "/sys/class/net/" + name;
  LinkRequest link;
  link.name = name;
  link.mac = trimmed(host.read(folder + "/address").value_or(""));
  if (const auto flags = hex_at(host, folder + "/tun_flags")) {
    link.over = bridge_of(host, folder);
    link.many_queues = (*flags & IFF_MULTI_QUEUE) != 0;
  } else {
    link.kind = LinkRequest::Kind::macvtap;
    link.over = lower_of(host, folder);
  }
  return link;
}

std::string way_out(int error, const LinkRequest& link) {
  switch (error) {
    case EPERM:
      return "making interfaces needs CAP_NET_ADMIN";
    case ENODEV:
      return "ip link show " + link.over;
    case ENETDOWN:
      return fmt::format("take the interface below up: ip link set {} up", link.over);
    case EBUSY:
      return link.over + " is a port of a bridge or bond; use that instead";
    case EOPNOTSUPP:
      return "the kernel has no module " +
             std::string(link.kind == LinkRequest::Kind::tap ? "tun" : "macvtap");
    default:
      return {};
  }
}

}  // namespace

std::string link_knob(const std::string& name) { return std::string(kPrefix) + name; }

bool is_link_knob(std::string_view knob) { return knob.starts_with(kPrefix); }

std::string to_text(const LinkRequest& link) {
  const bool tap = link.kind == LinkRequest::Kind::tap;
  return fmt::format("{} on {} as {}{}", tap ? "tap" : "macvtap",
                     link.over.empty() ? "nothing" : link.over, link.mac,
                     tap && link.many_queues ? " many-queues" : "");
}

std::optional<LinkRequest> link_of(std::string_view knob, const std::string& text) {
  const auto words = fields_of(text);
  if (words.size() < 5) return std::nullopt;
  LinkRequest link;
  link.name = name_of(knob);
  if (words[0] == "macvtap") link.kind = LinkRequest::Kind::macvtap;
  link.over = words[2];
  link.mac = words[4];
  link.many_queues = words.size() > 5;
  return link;
}

std::optional<std::string> read_link(Host& host, const std::string& knob) {
  const std::string name = name_of(knob);
  const auto flags = hex_at(host, "/sys/class/net/" + name + "/flags");
  if (!flags) return std::nullopt;
  return to_text(link_at(host, name)) + ((*flags & IFF_UP) != 0 ? "" : " down");
}

void perform_link(Host& host, const Change& change) {
  const std::string name = name_of(change.knob);
  const int error = host.write(change.knob, change.after);
  if (change.after.empty()) {
    if (error != 0 && error != ENODEV) throw SystemError("remove interface", name, error);
    return;
  }
  if (error != 0)
    throw SystemError("make interface", fmt::format("{} ({})", name, change.after), error,
                      way_out(error, link_of(change.knob, change.after).value_or(LinkRequest{})));
  const auto now = read_link(host, change.knob);
  if (now == change.after) return;
  throw SystemError("make interface",
                    fmt::format("{} (wanted {}, is {})", name, change.after,
                                now.value_or("not visible in /sys/class/net")),
                    EBUSY);
}

}  // namespace kvmrt::partition
