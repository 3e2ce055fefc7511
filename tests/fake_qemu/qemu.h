// SPDX-License-Identifier: MIT
// The fake as a whole: machine, threads, guest and monitor, and the script that spoils them.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "guest.h"
#include "machine.h"
#include "monitor.h"
#include "script.h"
#include "threads.h"

namespace kvmrt::fake {

class Qemu {
 public:
  Qemu(Machine machine, Script script);

  /// Runs until QEMU ends; returns its exit code.
  int run();

 private:
  using Clock = std::chrono::steady_clock;

  void serve(const std::string& command, const nlohmann::json& arguments);
  bool spoil(const std::string& command);
  std::optional<nlohmann::json> answer(const std::string& command, const nlohmann::json& arguments);
  void cont();
  void quit();
  void device_add(const nlohmann::json& arguments);
  void note_power_down();

  [[nodiscard]] nlohmann::json cpus() const;
  [[nodiscard]] nlohmann::json iothreads() const;
  [[nodiscard]] nlohmann::json hotpluggable_cpus() const;

  void on_signal(int fd);
  [[nodiscard]] int wait_limit() const;
  void advance();
  void perform(const Step& step);
  void happen(const std::string& words);

  Machine machine_;
  Script script_;
  Threads threads_;
  Guest guest_;
  Monitor monitor_;
  std::vector<std::string> happenings_;  // not yet happened
  std::size_t step_ = 0;
  Clock::time_point due_ = Clock::now();  // of the next step
  std::optional<Clock::time_point> power_off_;
  bool first_cont_ = true;
};

}  // namespace kvmrt::fake
