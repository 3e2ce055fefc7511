// SPDX-License-Identifier: MIT
// The guest that is not there: its run state, and what QEMU 7.2 says and does when it comes to one
// of its ends, by the actions that were set.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace kvmrt::fake {

class Guest {
 public:
  using Emit = std::function<void(const std::string& event, const nlohmann::json& data)>;
  Guest(std::map<std::string, std::string> initial, Emit emit)
      : actions(std::move(initial)), emit_(std::move(emit)) {}

  std::map<std::string, std::string> actions;
  std::optional<int> exit_code;  ///< QEMU is to end

  [[nodiscard]] const std::string& status() const { return status_; }
  [[nodiscard]] bool running() const { return status_ == "running"; }

  /// False: refused, a reset is required first.
  bool cont();
  void stop(const std::string& status);
  void power_down();
  void reset();
  void quit(const std::string& reason);
  /// Throws std::runtime_error for a word that names no happening.
  void happen(const std::string& what);

 private:
  void shut_down(bool by_guest, const std::string& reason, int code);
  void panic();
  void watchdog();
  void reboot();

  Emit emit_;
  std::string status_ = "prelaunch";
};

}  // namespace kvmrt::fake
