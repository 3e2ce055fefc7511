// SPDX-License-Identifier: MIT
#include "qmp/proxy.h"

#include <set>

#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "qmp/client.h"
#include "qmp/message.h"
#include "qmp/proxy_session.h"

namespace kvmrt::qmp {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;
using nlohmann::json;

namespace {

std::string greeting_line(const Version& version) {
  json message = json::object();
  json& qmp = message["QMP"];
  qmp["version"]["qemu"]["major"] = version.major;
  qmp["version"]["qemu"]["minor"] = version.minor;
  qmp["version"]["qemu"]["micro"] = version.micro;
  qmp["version"]["package"] = version.package;
  qmp["capabilities"] = json::array();
  return message.dump() + "\r\n";
}

std::string event_line(const Event& event) {
  json message = json::object();
  message["timestamp"]["seconds"] = event.time.count() / 1'000'000;
  message["timestamp"]["microseconds"] = event.time.count() % 1'000'000;
  message["event"] = event.name;
  if (!event.data.empty()) message["data"] = event.data;
  return message.dump() + "\r\n";
}

}  // namespace

class ProxyCore : public std::enable_shared_from_this<ProxyCore> {
 public:
  ProxyCore(asio::io_context& io, Fd listening, std::shared_ptr<ProxyShared> shared)
      : io_(io),
        acceptor_(io, stream_protocol(), listening.release()),
        retry_(io),
        shared_(std::move(shared)) {}

  void accept_on() {
    acceptor_.async_accept(
        [self = shared_from_this()](const error_code& error, stream_protocol::socket socket) {
          if (!self->acceptor_.is_open()) return;
          if (error) return self->accept_later();
          self->welcome(std::move(socket));
          self->accept_on();
        });
  }

  void publish(const Event& event) {
    const std::string line = event_line(event);
    const auto sessions = sessions_;  // sending may end one
    for (const auto& session : sessions)
      if (session->negotiated()) session->send(line);
  }

  void close() {
    shared_->upstream = nullptr;
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    const auto sessions = std::exchange(sessions_, {});
    for (const auto& session : sessions) session->hang_up();
  }

  [[nodiscard]] std::size_t clients() const { return sessions_.size(); }

 private:
  void welcome(stream_protocol::socket socket) {
    if (sessions_.size() >= shared_->limits.clients) return;
    auto ended = [weak = weak_from_this()](const std::shared_ptr<ProxySession>& session) {
      if (const auto self = weak.lock()) self->sessions_.erase(session);
    };
    const auto session =
        std::make_shared<ProxySession>(std::move(socket), shared_, std::move(ended));
    sessions_.insert(session);
    session->start();
  }

  /// Out of descriptors: the connection stays in the queue and would be offered again at once.
  void accept_later() {
    retry_.expires_after(std::chrono::seconds(1));
    retry_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->acceptor_.is_open()) self->accept_on();
    });
  }

  asio::io_context& io_;
  stream_protocol::acceptor acceptor_;
  asio::steady_timer retry_;
  std::shared_ptr<ProxyShared> shared_;
  std::set<std::shared_ptr<ProxySession>> sessions_;
};

Proxy::Proxy(asio::io_context& io, Fd listening, Client& upstream, const Greeting& greeting,
             ProxyHooks hooks, ProxyLimits limits) {
  auto shared = std::make_shared<ProxyShared>();
  shared->upstream = &upstream;
  shared->greeting = greeting_line(greeting.version);
  shared->hooks = std::move(hooks);
  shared->limits = limits;
  core_ = std::make_shared<ProxyCore>(io, std::move(listening), std::move(shared));
  core_->accept_on();
}

Proxy::~Proxy() { core_->close(); }

void Proxy::publish(const Event& event) { core_->publish(event); }

std::size_t Proxy::clients() const { return core_->clients(); }

}  // namespace kvmrt::qmp
