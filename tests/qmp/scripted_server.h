// SPDX-License-Identifier: MIT
// The other end of a QMP connection, in the same process and the same thread: the test writes what
// QEMU would say and reads what the client said.
#pragma once

#include <array>
#include <chrono>
#include <exception>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/fd.h"
#include "qmp/client.h"
#include "qmp/task.h"

namespace kvmrt::qmp::test {

inline constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, )"
    R"("package": "Debian 1:7.2+dfsg-7+deb12u18+b3"}, "capabilities": ["oob"]}})"
    "\r\n";

struct Pair {
  Fd ours;
  Fd clients;
};

inline Pair socket_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

/// A client and the end that plays QEMU.
class Scripted {
 public:
  Scripted() : Scripted(socket_pair()) {}

  boost::asio::io_context io{1};
  Fd end;
  Client client;

  /// Writes all, letting the client read whenever the socket is full.
  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(end.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) return;
      settle();
    }
  }

  void hang_up() { end.reset(); }

  /// All that the client has sent since the last call.
  std::string heard() {
    settle();
    std::string all;
    std::array<char, 4096> part{};
    while (true) {
      const ssize_t got = ::recv(end.get(), part.data(), part.size(), MSG_DONTWAIT);
      if (got <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(got));
      settle();
    }
  }

  /// Runs everything that is ready, waits for nothing.
  void settle() {
    io.restart();
    io.poll();
  }

  /// Runs until nothing is left to wait for, or until the time is over.
  void run(std::chrono::milliseconds limit = std::chrono::seconds(2)) {
    io.restart();
    io.run_for(limit);
  }

  /// Starts the task; what it throws comes out of here or of the next run.
  void start(boost::asio::awaitable<void> task) {
    spawn_task(io, "test", std::move(task),
               [](const std::string&, std::exception_ptr why) { std::rethrow_exception(why); });
    settle();
  }

  void negotiated() {
    start(negotiate());
    say(kGreeting);
    EXPECT_EQ(heard(), R"({"execute":"qmp_capabilities","id":1})");
    say("{\"return\": {}, \"id\": 1}\r\n");
  }

 private:
  boost::asio::awaitable<void> negotiate() { co_await client.negotiate(std::chrono::seconds(2)); }

  explicit Scripted(Pair pair) : end(std::move(pair.ours)), client(io, std::move(pair.clients)) {}
};

}  // namespace kvmrt::qmp::test
