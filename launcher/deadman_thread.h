// SPDX-License-Identifier: MIT
// A second thread, for the case that the supervisor itself hangs in the kernel: a write to a cgroup
// or to an interrupt's mask may wait for a kernel thread that a real-time vCPU keeps from running.
// It sleeps unless the supervisor does such work, and then demotes the vCPUs when that takes too
// long. It ends at exec, as all threads but the first do.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "launcher/process.h"

namespace kvmrt::launcher {

/// SCHED_OTHER for a thread, if it is one of this process; false when it is not, or refuses.
bool make_ordinary(const ProcessId& process, Tid tid);

class DeadmanThread {
 public:
  DeadmanThread();
  ~DeadmanThread();
  DeadmanThread(const DeadmanThread&) = delete;
  DeadmanThread& operator=(const DeadmanThread&) = delete;

  /// `vcpus`: real-time threads of `qemu`, which are demoted when guarded work takes longer than
  /// `limit`. `priority`: of this thread, SCHED_FIFO; 0: none.
  void start(ProcessId qemu, std::vector<Tid> vcpus, std::chrono::milliseconds limit, int priority);

  class Guard {
   public:
    explicit Guard(DeadmanThread& thread) : thread_(thread) {}
    ~Guard() { thread_.disarm(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    DeadmanThread& thread_;
  };
  /// Until the guard goes, the work `what` is under way.
  [[nodiscard]] Guard guard(std::string what);

 private:
  friend class Guard;
  void disarm();
  struct State;
  std::unique_ptr<State> state_;  ///< none before start
};

}  // namespace kvmrt::launcher
