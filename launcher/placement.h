// SPDX-License-Identifier: MIT
// Where each thread of a VM shall live and with which policy: decided (pure), done, and compared
// with what the kernel says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "launcher/threads.h"
#include "partition/plan.h"

namespace kvmrt::launcher {

struct ThreadSetting {
  Tid tid;
  partition::ThreadClass thread_class = partition::ThreadClass::emulator;
  std::optional<int> index;
  std::string name;
  partition::CpuSet cpus;      ///< empty: no wish
  partition::CpuSet fallback;  ///< kernel threads: these, where the kernel refuses `cpus`
  bool subset_serves = false;  ///< fewer of `cpus` are as good (shared housekeeping CPUs)
  std::optional<partition::Scheduling> scheduling;  ///< nothing: no wish
  friend bool operator==(const ThreadSetting&, const ThreadSetting&) = default;
};

/// Are the vCPUs to have their real-time policy yet (`promote: after-boot`)?
enum class Promotion { not_yet, done };

/// One setting per thread, in the order of `threads`. A VM without biasing and without real-time
/// policies gets settings without wishes.
std::vector<ThreadSetting> wanted(const std::vector<Thread>& threads, const partition::VmPlan& plan,
                                  Promotion promotion = Promotion::done);

/// One thing that is not as it was wanted.
struct Mismatch {
  Tid tid;             ///< -1: the process as a whole
  std::string thread;  ///< "vcpu0"
  std::string what;    ///< "allowed CPUs", "policy", "locked memory", …
  std::string wanted;
  std::string found;
  friend bool operator==(const Mismatch&, const Mismatch&) = default;
};

/// "vcpu0 (thread 812): allowed CPUs: wanted 1, found 0-1".
std::string to_string(const Mismatch& mismatch);

/// Every difference; a vCPU or iothread that is gone is one too, another thread that ended is none.
std::vector<Mismatch> mismatches(const std::vector<ThreadSetting>& wanted,
                                 const std::vector<ThreadFacts>& actual);

/// Those settings that the threads, as they are, do not meet.
std::vector<ThreadSetting> unmet(const std::vector<ThreadSetting>& wanted,
                                 const std::vector<ThreadFacts>& actual);

/// Is this one thread where and what it shall be? (`as_planned` of stat)
bool meets(const ThreadFacts& actual, const ThreadSetting& setting);

/// Sets all affinities first, then policies, the vCPUs' last; FIFO and RR with
/// SCHED_RESET_ON_FORK. Threads other than vCPUs and iothreads may have ended. Throws SystemError
/// with a hint for EINVAL (online CPUs, cpuset) and EPERM (the missing right).
void apply(const std::vector<ThreadSetting>& settings);

/// `shown`: what QEMU's threads are called here for messages, e.g. "vcpu0 (thread 812)".
std::string shown(const ThreadSetting& setting);

}  // namespace kvmrt::launcher
