// SPDX-License-Identifier: MIT
// How far several VMs are: a line for each step, and at a terminal below them a line that says whom
// the command waits for, and how long.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace kvmrt::launcher {

class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void line(std::string_view text);
  /// Between lines; shown at a terminal alone.
  void waiting_for(const std::vector<std::string>& vms);
  /// How long poll(2) may sleep until the line is to be renewed, in milliseconds; -1: forever.
  [[nodiscard]] int patience() const { return terminal_ ? 1000 : -1; }

 private:
  void clear();
  bool terminal_ = false;
  bool shown_ = false;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace kvmrt::launcher
