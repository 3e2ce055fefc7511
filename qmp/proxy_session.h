// SPDX-License-Identifier: MIT
// One user of the proxy: its socket, its requests, its replies.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <nlohmann/json_fwd.hpp>

#include "qmp/message.h"
#include "qmp/proxy.h"
#include "qmp/request_splitter.h"

namespace kvmrt::qmp {

/// What the sessions share.
struct ProxyShared {
  Client* upstream = nullptr;  ///< null: the proxy is gone
  std::string greeting;        ///< the line
  std::size_t in_flight = 0;   ///< commands of all users, of those who have gone too
  ProxyHooks hooks;
  ProxyLimits limits;
};

class ProxySession : public std::enable_shared_from_this<ProxySession> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  using Ended = std::function<void(const std::shared_ptr<ProxySession>&)>;

  ProxySession(Socket socket, std::shared_ptr<ProxyShared> shared, Ended ended);

  /// Greets and reads on until the user goes.
  void start();
  /// Queues whole lines; a user who leaves too much unread is hung up on.
  void send(std::string_view lines);
  void hang_up();
  [[nodiscard]] bool negotiated() const { return negotiated_; }

 private:
  void read_on();
  void write_on();
  void end_when_all_is_said();
  void serve();
  void serve(std::string_view text);
  void negotiate(const std::string& command, const nlohmann::json& arguments);
  void forward(const std::string& command, const nlohmann::json& arguments, Verdict::Kind verdict);
  void deliver(const nlohmann::json& id, Reply reply);
  void refuse(std::string_view error_class, std::string_view text);

  Socket socket_;
  std::shared_ptr<ProxyShared> shared_;
  Ended ended_;
  RequestSplitter splitter_;
  std::array<char, 4096> part_{};
  std::string queued_;
  std::string writing_;
  nlohmann::json id_;  // of the request in hand; discarded: it had none
  std::size_t in_flight_ = 0;
  bool negotiated_ = false;
  bool reading_ = false;
  bool draining_ = false;  // the user will say nothing more, but may still listen
  bool over_ = false;
};

}  // namespace kvmrt::qmp
