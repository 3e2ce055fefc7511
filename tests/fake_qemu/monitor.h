// SPDX-License-Identifier: MIT
// The monitor's connection: one client at a time, as QEMU serves them; requests in, lines out.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.h"
#include "qmp/request_splitter.h"

namespace kvmrt::fake {

class Monitor {
 public:
  /// Gets a command that was understood; answers through reply() or refuse(), or not at all.
  using Handler = std::function<void(const std::string& command, const nlohmann::json& arguments)>;

  /// `fd`: listening, or connected. Takes it over.
  Monitor(int fd, bool connected, std::string greeting, Handler handler);

  /// Greets a client that is connected from the beginning.
  void start();

  /// To be polled for reading; -1 when there is nothing to wait for.
  [[nodiscard]] int fd() const;
  void on_readable();

  void emit(const std::string& event, const nlohmann::json& data);
  void reply(const nlohmann::json& value);
  void refuse(const std::string& error_class, const std::string& text);
  void send_raw(const std::string& text);
  /// The reply as it would be sent.
  [[nodiscard]] std::string reply_text(const nlohmann::json& value) const;

  void close_client();
  /// As QEMU does at a clean exit: the path that it listened on goes too.
  void close(bool unlink_path);

  bool deaf = false;    ///< read nothing more
  bool no_ids = false;  ///< answer without ids

 private:
  void accept();
  void handle(std::string_view text);
  void negotiate(const std::string& command);

  Fd listening_;
  Fd client_;
  std::string greeting_;
  Handler handler_;
  qmp::RequestSplitter splitter_{std::size_t{64} << 20U};
  bool negotiated_ = false;
  std::string id_;  // of the command in hand, as JSON text; "" for none
};

}  // namespace kvmrt::fake
