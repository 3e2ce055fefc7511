// SPDX-License-Identifier: MIT
#include "monitor.h"

#include <array>
#include <chrono>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace kvmrt::fake {

using nlohmann::json;

Monitor::Monitor(int fd, bool connected, std::string greeting, Handler handler)
    : greeting_(std::move(greeting)), handler_(std::move(handler)) {
  (connected ? client_ : listening_) = Fd(fd);
}

void Monitor::start() {
  if (client_) send_raw(greeting_);
}

int Monitor::fd() const {
  if (deaf) return -1;
  return client_ ? client_.get() : listening_.get();
}

void Monitor::accept() {
  client_ = Fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client_) return;
  splitter_ = qmp::RequestSplitter(std::size_t{64} << 20U);
  negotiated_ = false;
  send_raw(greeting_);
}

void Monitor::on_readable() {
  if (!client_) return accept();
  std::array<char, 4096> part{};
  const ssize_t got = ::recv(client_.get(), part.data(), part.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close_client();
  splitter_.feed(std::string_view(part.data(), static_cast<std::size_t>(got)));
  while (client_) {
    const auto request = splitter_.next();
    if (!request) return;
    handle(*request);
  }
}

void Monitor::handle(std::string_view text) {
  const json request = json::parse(text, nullptr, false);
  id_.clear();
  if (request.is_discarded()) return refuse("GenericError", "JSON parse error, invalid keyword");
  if (!request.is_object()) return refuse("GenericError", "QMP input must be a JSON object");
  if (request.contains("id") && !no_ids) id_ = request["id"].dump();
  if (!request.contains("execute") || !request["execute"].is_string())
    return refuse("GenericError", "QMP input lacks member 'execute'");
  const auto command = request["execute"].get<std::string>();
  if (!negotiated_ || command == "qmp_capabilities") return negotiate(command);
  handler_(command, request.value("arguments", json::object()));
}

void Monitor::negotiate(const std::string& command) {
  if (negotiated_)
    return refuse("CommandNotFound",
                  "Capabilities negotiation is already complete, command ignored");
  if (command != "qmp_capabilities")
    return refuse("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
  negotiated_ = true;
  reply(json::object());
}

void Monitor::emit(const std::string& event, const json& data) {
  if (!negotiated_) return;
  using namespace std::chrono;
  const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  send_raw(fmt::format(R"({{"timestamp": {{"seconds": {}, "microseconds": {}}}, "event": "{}"{}}})"
                       "\r\n",
                       now / 1'000'000, now % 1'000'000, event,
                       data.is_null() ? "" : ", \"data\": " + data.dump()));
}

std::string Monitor::reply_text(const json& value) const {
  return fmt::format("{{\"return\": {}{}{}}}\r\n", value.dump(),
                     id_.empty() ? "" : ", \"id\": ", id_);
}

void Monitor::reply(const json& value) { send_raw(reply_text(value)); }

void Monitor::refuse(const std::string& error_class, const std::string& text) {
  send_raw(fmt::format("{}{}{}\"error\": {{\"class\": \"{}\", \"desc\": {}}}}}\r\n",
                       id_.empty() ? "{" : "{\"id\": ", id_, id_.empty() ? "" : ", ", error_class,
                       json(text).dump()));
}

void Monitor::send_raw(const std::string& text) {
  std::string_view left = text;
  while (client_ && !left.empty()) {
    const ssize_t sent = ::send(client_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the reader will see the end
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Monitor::close_client() {
  client_.reset();
  negotiated_ = false;
}

void Monitor::close(bool unlink_path) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (unlink_path && listening_ &&
      ::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0)
    ::unlink(address.sun_path);
  client_.reset();
  listening_.reset();
}

}  // namespace kvmrt::fake
