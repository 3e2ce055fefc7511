// SPDX-License-Identifier: MIT
#include "qmp/client.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "qmp/connection.h"

namespace kvmrt::qmp {

namespace asio = boost::asio;
using asio::awaitable;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// A wait with a limit: the timer is alarm and wake-up in one. Setting the expiry into the past
/// also wakes a wait that has not begun yet, which cancel() would not.
struct Waiter {
  Waiter(asio::io_context& io, steady_clock::time_point until) : timer(io, until) {}
  void wake() {
    woken = true;
    timer.expires_at(steady_clock::time_point::min());
  }
  asio::steady_timer timer;
  bool woken = false;
  std::optional<Reply> reply;
};

awaitable<void> wait(std::shared_ptr<Waiter> waiter) {
  boost::system::error_code woken_early;
  auto token = asio::redirect_error(asio::use_awaitable, woken_early);
  co_await waiter->timer.async_wait(token);
}

json result_of(const std::string& command, Reply reply) {
  if (!reply.error) return std::move(reply.value);
  throw QmpError(reply.error->error_class,
                 fmt::format("{}: {}", command, reply.error->description));
}

[[noreturn]] void throw_timeout(std::string_view what) {
  throw QmpError(QmpError::Kind::timeout, fmt::format("{}: no answer from QEMU in time", what));
}

[[noreturn]] void throw_end(std::string_view what, const Connection& connection) {
  throw QmpError(connection.end().kind(), fmt::format("{}: {}", what, connection.end().what()));
}

/// A command that is on its way.
struct Sent {
  std::shared_ptr<Connection> connection;
  std::shared_ptr<Waiter> waiter;
  std::string command;
  std::uint64_t id = 0;
};

Sent send_now(const std::shared_ptr<Connection>& connection, std::string_view command,
              const std::string& arguments, steady_clock::time_point until) {
  Sent sent{connection, std::make_shared<Waiter>(connection->io(), until), std::string(command)};
  auto answered = [waiter = sent.waiter](Reply* reply) {
    if (reply != nullptr) waiter->reply = std::move(*reply);
    waiter->wake();
  };
  sent.id = connection->send(command, arguments, std::move(answered));
  return sent;
}

awaitable<json> answer_to(Sent sent) {
  co_await wait(sent.waiter);
  if (!sent.waiter->woken) {
    sent.connection->forget(sent.id);
    throw_timeout(sent.command);
  }
  if (!sent.waiter->reply) throw_end(sent.command, *sent.connection);
  co_return result_of(sent.command, std::move(*sent.waiter->reply));
}

awaitable<json> run(std::shared_ptr<Connection> connection, std::string command,
                    std::string arguments, steady_clock::time_point until) {
  Sent sent = send_now(connection, command, arguments, until);
  co_return co_await answer_to(std::move(sent));
}

awaitable<json> run_from_now(std::shared_ptr<Connection> connection, std::string command,
                             std::string arguments, milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  co_return co_await run(connection, command, arguments, until);
}

awaitable<Greeting> negotiate_on(std::shared_ptr<Connection> connection,
                                 steady_clock::time_point until, std::function<void()> behind) {
  connection->start();
  if (!connection->greeting && !connection->closed()) {
    auto waiter = std::make_shared<Waiter>(connection->io(), until);
    connection->on_greeting = [waiter] { waiter->wake(); };
    co_await wait(waiter);
    connection->on_greeting = {};
  }
  if (connection->closed()) throw_end("greeting", *connection);
  if (!connection->greeting) throw_timeout("greeting");
  Sent sent = send_now(connection, "qmp_capabilities", std::string(), until);
  if (behind) behind();
  co_await answer_to(std::move(sent));
  co_return *connection->greeting;
}

/// Throws QmpError for text that is not UTF-8: QMP cannot carry it.
std::string text_of(std::string_view command, const json& arguments) try {
  return arguments.empty() ? std::string() : arguments.dump();
} catch (const json::exception&) {
  throw QmpError("GenericError", fmt::format("{}: an argument is not UTF-8", command));
}

}  // namespace

milliseconds deadline_of(std::string_view command) {
  using namespace std::chrono_literals;
  constexpr std::array<std::string_view, 8> kSlow{"cont",         "stop",        "device_add",
                                                  "device_del",   "object-add",  "object-del",
                                                  "system_reset", "blockdev-add"};
  if (command == "quit") return 60s;
  return std::find(kSlow.begin(), kSlow.end(), command) == kSlow.end() ? 10s : 30s;
}

Client::Client(asio::io_context& io, Fd connected)
    : connection_(std::make_shared<Connection>(io, std::move(connected))) {}

Client::~Client() { connection_->abandon(); }

awaitable<Greeting> Client::negotiate(milliseconds deadline, std::function<void()> behind) {
  negotiating_until_ = steady_clock::now() + deadline;
  const Greeting greeting =
      co_await negotiate_on(connection_, negotiating_until_, std::move(behind));
  negotiating_until_ = {};
  co_return greeting;
}

steady_clock::time_point Client::limit_of(std::string_view command) const {
  return std::max(steady_clock::now() + deadline_of(command), negotiating_until_);
}

awaitable<json> Client::execute(std::string_view command) {
  return run_from_now(connection_, std::string(command), std::string(), deadline_of(command));
}

awaitable<json> Client::execute(std::string_view command, const json& arguments) {
  return execute(command, arguments, deadline_of(command));
}

awaitable<json> Client::execute(std::string_view command, const json& arguments,
                                milliseconds deadline) {
  return run_from_now(connection_, std::string(command), text_of(command, arguments), deadline);
}

awaitable<json> Client::begin(std::string_view command) {
  return answer_to(send_now(connection_, command, std::string(), limit_of(command)));
}

awaitable<json> Client::begin(std::string_view command, const json& arguments) {
  return answer_to(send_now(connection_, command, text_of(command, arguments), limit_of(command)));
}

void Client::submit(std::string_view command, const json& arguments, ReplyHandler handler) {
  connection_->send(command, text_of(command, arguments), std::move(handler));
}

void Client::on_event(EventHandler handler) {
  connection_->on_event = std::make_shared<EventHandler>(std::move(handler));
}

void Client::on_closed(ClosedHandler handler) { connection_->on_closed = std::move(handler); }

bool Client::closed() const { return connection_->closed(); }

void Client::close() { connection_->close(); }

std::uint64_t Client::dropped_replies() const { return connection_->dropped_replies; }

}  // namespace kvmrt::qmp
