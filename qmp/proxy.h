// SPDX-License-Identifier: MIT
// QEMU's monitor for the user: a socket where up to 16 clients at once find a QMP session of their
// own (greeting, negotiation, their ids, all events), while the supervisor's one connection
// carries all of it. A client that talks nonsense, does not read or goes away harms only itself.
//
// Not offered: out-of-band commands, and passing descriptors (getfd, add-fd).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json_fwd.hpp>

#include "base/fd.h"
#include "qmp/types.h"

namespace kvmrt::qmp {

class Client;
struct Event;
class ProxyCore;

/// What becomes of a user's command.
struct Verdict {
  enum class Kind {
    allow,
    refuse,  ///< the user gets `text` as GenericError; QEMU sees nothing
    note,    ///< QEMU gets it, and ProxyHooks::done is called with what it answered
  };
  Kind kind = Kind::allow;
  std::string text;
};

struct ProxyHooks {
  /// Asked before each command of a negotiated client. Absent: all are allowed.
  std::function<Verdict(const std::string& command, const nlohmann::json& arguments)> judge;
  /// For noted commands, before the user gets the reply.
  std::function<void(const std::string& command, const nlohmann::json& arguments, bool succeeded)>
      done;
};

struct ProxyLimits {
  std::size_t clients = 16;                     ///< further ones are hung up on
  std::size_t request = std::size_t{1} << 20U;  ///< bytes of one request
  std::size_t backlog = std::size_t{4} << 20U;  ///< bytes that a client may leave unread
  std::size_t in_flight = 32;                   ///< commands; further ones wait in its socket
};

class Proxy {
 public:
  /// `listening`: from listen_at(). `upstream` is negotiated, `greeting` what it got; it must
  /// outlive the proxy, and its owner passes events on by publish().
  Proxy(boost::asio::io_context& io, Fd listening, Client& upstream, const Greeting& greeting,
        ProxyHooks hooks, ProxyLimits limits = ProxyLimits());
  /// Hangs up on everybody.
  ~Proxy();
  Proxy(Proxy&&) = delete;
  Proxy& operator=(Proxy&&) = delete;

  /// Copies the event to each negotiated client.
  void publish(const Event& event);

  [[nodiscard]] std::size_t clients() const;

 private:
  std::shared_ptr<ProxyCore> core_;
};

}  // namespace kvmrt::qmp
