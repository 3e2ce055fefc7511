// SPDX-License-Identifier: MIT
// For tests on the kernel they run on: children, and pictures of the host before and after.
#pragma once

#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "partition/keeper.h"
#include "partition/state.h"

namespace kvmrt::partition {

/// A child that lives until told otherwise.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      while (true) ::pause();
    }
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_;
};

inline ProcessId identity(Host& host, int pid) {
  return {Pid(pid), host.task(Tid(pid))->start_time};
}

/// Every knob there is and every movable task's mask.
inline std::map<std::string, std::string> picture(Host& host) {
  Interest interest;
  interest.owned = CpuSet::range(0, 63);
  const HostState state = read_state(host, interest);
  std::map<std::string, std::string> all = state.knobs;
  for (const Task& task : state.tasks) {
    if (!task.movable) continue;
    all["task:" + to_string(task.tid) + ":" + std::to_string(task.start_time)] = task.cpus.list();
  }
  return all;
}

inline void expect_same(const std::map<std::string, std::string>& before,
                        const std::map<std::string, std::string>& after) {
  for (const auto& [knob, value] : before) {
    const auto at = after.find(knob);
    if (at == after.end()) continue;  // a task that ended, a device that went
    EXPECT_EQ(at->second, value) << knob;
  }
}

}  // namespace kvmrt::partition
