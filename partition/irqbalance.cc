// SPDX-License-Identifier: MIT
#include "partition/irqbalance.h"

#include <cerrno>

#include "base/file.h"

namespace kvmrt::partition {
namespace {

constexpr const char* kFolder = "/run/irqbalance";

/// "irqbalance1234.sock"; a daemon that could not make its folder listens on an abstract one.
std::optional<std::string> find_socket(Host& host) {
  for (const auto& name : host.list(kFolder)) {
    if (!name.starts_with("irqbalance") || !name.ends_with(".sock")) continue;
    const auto pid = name.substr(10, name.size() - 15);
    if (host.read("/proc/" + pid + "/stat")) return std::string(kFolder) + "/" + name;
  }
  const auto sockets = host.read("/proc/net/unix");
  if (!sockets) return std::nullopt;
  const auto at = sockets->find("@irqbalance");
  if (at == std::string::npos) return std::nullopt;
  const auto end = sockets->find_first_of(" \n", at);
  return sockets->substr(at, end - at);
}

}  // namespace

std::optional<std::string> read_banned(Host& host) {
  const auto socket = find_socket(host);
  if (!socket) return std::nullopt;
  std::string answer;
  if (host.ask(*socket, "setup", answer) != 0) return std::nullopt;
  const auto words = fields_of(answer);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "BANNED") continue;
    const auto cpus = CpuSet::from_hex_mask(words[i + 1]);
    if (cpus) return cpus->list();
  }
  return std::nullopt;
}

int write_banned(Host& host, const std::string& cpus) {
  const auto socket = find_socket(host);
  if (!socket) return ENOENT;
  std::string ignored;
  // "NULL" returns it to its own configuration.
  return host.ask(*socket, "settings cpus " + (cpus.empty() ? "NULL" : cpus), ignored);
}

}  // namespace kvmrt::partition
