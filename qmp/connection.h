// SPDX-License-Identifier: MIT
// The inside of a Client: the socket, its reader and writer, the commands in flight. Its handlers
// hold it, so that it lives until Asio has let go of the last of them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/fd.h"
#include "qmp/client.h"
#include "qmp/message.h"

namespace kvmrt::qmp {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using CommandId = std::uint64_t;
  using GreetingHandler = std::function<void()>;

  Connection(boost::asio::io_context& io, Fd connected);

  /// Starts the reader; a second call does nothing.
  void start();

  /// `arguments`: JSON text, or "" for none. The handler is called once, unless forgotten.
  CommandId send(std::string_view command, std::string_view arguments,
                 Client::ReplyHandler handler);
  void forget(CommandId id) { pending_.erase(id); }

  /// Ends the connection and every command in flight. Not announced by on_closed.
  void close();
  /// The same without any handler being called: whoever made the connection is gone.
  void abandon();

  [[nodiscard]] bool closed() const { return end_.has_value(); }
  [[nodiscard]] const QmpError& end() const { return *end_; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }

  std::optional<Greeting> greeting;
  /// Called when the greeting came or the connection ended.
  GreetingHandler on_greeting;
  std::shared_ptr<Client::EventHandler> on_event;
  Client::ClosedHandler on_closed;
  std::uint64_t dropped_replies = 0;

 private:
  void read_on();
  void take(std::string_view bytes);
  void dispatch(Message message);
  void dispatch(Reply reply);
  Client::ReplyHandler handler_of(const Reply& reply);
  void write_on();
  void finish(QmpError why, bool announce);

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::socket socket_;
  std::array<char, 16384> part_{};
  LineSplitter splitter_;
  std::string queued_;   // not given to the kernel yet
  std::string writing_;  // owned by the write that runs
  bool started_ = false;
  CommandId last_id_ = 0;
  std::uint64_t unanswered_ = 0;  // commands, forgotten ones included
  std::map<CommandId, Client::ReplyHandler> pending_;
  std::optional<QmpError> end_;
};

}  // namespace kvmrt::qmp
