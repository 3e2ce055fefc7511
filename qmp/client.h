// SPDX-License-Identifier: MIT
// A QMP connection on Asio: many commands in flight, each with its id and deadline; events as they
// come. One io_context, one thread. At rest it has no timer: nothing wakes up but for a message.
//
// The end of the connection says nothing about QEMU: only its pidfd does. A timeout does not end
// the connection; the late reply is dropped by its id. Close, or destroy, the client before the
// io_context; commands in flight then fail with QmpError::closed when the io_context runs on.
//
// In a co_await expression give only names, literals and results of plain functions as arguments
// (g++ 12 destroys braced temporaries twice or too early).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json_fwd.hpp>

#include "base/fd.h"
#include "qmp/error.h"
#include "qmp/types.h"

namespace kvmrt::qmp {

struct Event;
struct Reply;
class Connection;

/// How long a command may take, by its name: 10 s; 30 s for those that wait for threads or devices
/// (cont, stop, system_reset, device_add…); 60 s for quit, which flushes disks.
std::chrono::milliseconds deadline_of(std::string_view command);

class Client {
 public:
  using EventHandler = std::function<void(const Event&)>;
  using ClosedHandler = std::function<void(const QmpError& why)>;
  using ReplyHandler = std::function<void(Reply* reply)>;

  /// `connected`: a connected unix stream socket. Nothing is read before negotiate().
  Client(boost::asio::io_context& io, Fd connected);
  ~Client();
  Client(Client&&) = delete;
  Client& operator=(Client&&) = delete;

  /// Waits for the greeting and ends the negotiation, which QEMU answers only when its memory is
  /// locked and its devices are made. `deadline` covers both. Once per client.
  /// `behind` is called when the negotiation's own command is on its way: what it begin()s follows
  /// on its heels, has at least as long as the negotiation, and is refused where that is.
  boost::asio::awaitable<Greeting> negotiate(std::chrono::milliseconds deadline,
                                             std::function<void()> behind = {});

  /// The "return" value, within deadline_of(command) or the given time. Throws QmpError: refused,
  /// closed, timeout or protocol.
  boost::asio::awaitable<nlohmann::json> execute(std::string_view command);
  boost::asio::awaitable<nlohmann::json> execute(std::string_view command,
                                                 const nlohmann::json& arguments);
  boost::asio::awaitable<nlohmann::json> execute(std::string_view command,
                                                 const nlohmann::json& arguments,
                                                 std::chrono::milliseconds deadline);

  /// Sends at once, and gives what execute() gives to whoever awaits it: for commands that need not
  /// wait for each other. Without anybody who awaits it the reply is dropped. Throws
  /// QmpError::closed from the call itself.
  boost::asio::awaitable<nlohmann::json> begin(std::string_view command);
  boost::asio::awaitable<nlohmann::json> begin(std::string_view command,
                                               const nlohmann::json& arguments);

  /// Sends without a deadline; the handler gets the reply, or null when the connection ends first
  /// (never from inside this call). Throws QmpError::closed.
  void submit(std::string_view command, const nlohmann::json& arguments, ReplyHandler handler);

  /// Called for each event, in the order of the stream, before the replies that follow it. It runs
  /// inside the reader, so there is no queue that could fill: note what happened, act elsewhere.
  void on_event(EventHandler handler);

  /// Called once, when the connection ended other than by close().
  void on_closed(ClosedHandler handler);

  [[nodiscard]] bool closed() const;
  void close();

  /// Replies to commands that nobody waits for any more, and replies that fit no command.
  [[nodiscard]] std::uint64_t dropped_replies() const;

 private:
  [[nodiscard]] std::chrono::steady_clock::time_point limit_of(std::string_view command) const;

  std::shared_ptr<Connection> connection_;
  std::chrono::steady_clock::time_point negotiating_until_{};
};

}  // namespace kvmrt::qmp
