// SPDX-License-Identifier: MIT
// What the fake takes from QEMU's command line. Options that it has no use for are accepted.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace kvmrt::fake {

struct Machine {
  int monitor_fd = -1;  ///< a listening socket, or with `monitor_connected` a connected one
  bool monitor_connected = false;
  int vcpus = 1;
  int max_vcpus = 1;
  std::vector<std::string> iothreads;
  bool stopped = false;  ///< -S
  bool thread_names = false;
  bool kvm = false;
  bool memory_locked = false;
  std::size_t memory = std::size_t{128} << 20U;
  std::map<std::string, std::string> actions{
      {"panic", "shutdown"}, {"reboot", "reset"}, {"shutdown", "poweroff"}, {"watchdog", "reset"}};
  int serial_fd = -1;  ///< of the first serial port
};

/// Throws std::runtime_error in QEMU's words for what QEMU would refuse too.
Machine machine_of(const std::vector<std::string>& arguments);

}  // namespace kvmrt::fake
