// SPDX-License-Identifier: MIT
#include "launcher/handover.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "launcher/tap.h"
#include "qmp/listen.h"

namespace kvmrt::launcher {
namespace {

/// vhost-net's node is there before its module is, and loads it.
Fd open_file(const Handover& handover) {
  Fd fd(::open(handover.path.c_str(), handover.open_flags | O_CLOEXEC | O_NOCTTY, 0600));
  if (!fd) throw_errno("open", handover.path);
  return fd;
}

/// QEMU's end; the other into `other`.
Fd open_pair(Fd& other) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw_errno("make", "a socket pair");
  other = Fd(ends[0]);
  return Fd(ends[1]);
}

Fd open_one(const Handover& handover, HandedOver& all, std::optional<FileOwner> owner) {
  switch (handover.kind) {
    case Handover::Kind::qmp_listener: {
      qmp::MonitorSocket socket = qmp::listen_and_connect(handover.path);
      all.monitor = std::move(socket.connected);
      return std::move(socket.listening);
    }
    case Handover::Kind::listener:
      return qmp::listen_at(handover.path, 1);
    case Handover::Kind::console:
      return open_pair(all.console);
    case Handover::Kind::tpm:
      return open_pair(all.tpm);
    case Handover::Kind::file:
      if (handover.key.starts_with("shared_memory"))
        return open_shared_memory(handover.path, owner);
      return open_file(handover);
    case Handover::Kind::vhost_net:
      return open_file(handover);
    case Handover::Kind::tap:
      return open_tap(handover.path);
  }
  throw SystemError("open", handover.path, EINVAL);
}

}  // namespace

HandedOver open_handovers(const std::vector<Handover>& handovers, std::optional<FileOwner> owner) {
  HandedOver all;
  for (const Handover& handover : handovers)
    all.to_qemu[handover.fd] = open_one(handover, all, owner);
  return all;
}

}  // namespace kvmrt::launcher
