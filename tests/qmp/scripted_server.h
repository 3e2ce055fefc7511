// SPDX-License-Identifier: MIT
// The other end of a QMP connection, in the same process and the same thread: the test writes what
// QEMU would say and reads what the client said.
#pragma once

#include <utility>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

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

  /// Runs until nothing is left to run, or for two seconds.
  void run() {
    io.restart();
    io.run_for(std::chrono::seconds(2));
  }

  /// Starts the task. Its end, and what it threw, is in `result`.
  struct Outcome {
    bool done = false;
    std::optional<QmpError> error;
    std::string text;  ///< the value as JSON text
  };
  void start(boost::asio::awaitable<void> task) {
    spawn_task(io, "test", std::move(task), [](const std::string&, std::exception_ptr why) {
      std::rethrow_exception(why);
    });
    settle();
  }

  void negotiated() {
    start(negotiate());
    say(kGreeting);
    heard();
    say("{\"return\": {}, \"id\": 1}\r\n");
    settle();
  }

  boost::asio::awaitable<void> negotiate() {
    co_await client.negotiate(std::chrono::milliseconds(2000));
  }

 private:
  explicit Scripted(Pair pair) : end(std::move(pair.ours)), client(io, std::move(pair.clients)) {}
};

}  // namespace kvmrt::qmp::test
