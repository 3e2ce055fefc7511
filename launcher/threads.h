// SPDX-License-Identifier: MIT
// The threads of a QEMU process as the kernel sees them, and which is which as QMP says. A QEMU
// that lies must never make us touch a thread that is not its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/problem.h"
#include "partition/cpuset.h"
#include "partition/plan.h"

namespace kvmrt::launcher {

struct ThreadFacts {
  Tid tid;
  std::string comm;
  std::uint64_t start_time = 0;       ///< clock ticks since boot
  char state = '?';                   ///< R, S, D, T, Z …
  int policy = 0;                     ///< SCHED_* without the reset-on-fork flag
  int priority = 0;                   ///< 1..99 for FIFO and RR, else 0
  std::optional<bool> reset_on_fork;  ///< known for the live /proc only
  bool kernel_thread = false;         ///< not in the process's task list
  bool fixed_affinity = false;        ///< PF_NO_SETAFFINITY: the kernel refuses any other CPUs
  partition::CpuSet cpus;             ///< allowed
  CpuId last_cpu;
  std::chrono::nanoseconds run_time{0};   ///< on a CPU
  std::chrono::nanoseconds run_delay{0};  ///< runnable, but waiting for one
  std::uint64_t slices = 0;               ///< times it was put on a CPU
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

/// "other" | "fifo" | "rr" | "batch" | "idle" | "deadline" | "ext" | the number.
std::string policy_name(int policy);
int policy_number(partition::Policy policy);

/// All threads of the process, by tid; those that end meanwhile are left out. Empty: no such
/// process. `root` stands before /proc.
std::vector<ThreadFacts> list_threads(Pid pid, const std::filesystem::path& root = "/");

/// Kernel threads that serve this process but are not in its task list: kvm-pit/PID, vhost-PID,
/// kvm-nx-lpage-recovery-PID, all children of kthreadd.
std::vector<ThreadFacts> list_kernel_helpers(Pid pid, const std::filesystem::path& root = "/");

/// QEMU's own threads and the kernel's helpers that serve it, at one moment.
struct AllThreads {
  std::vector<ThreadFacts> own;
  std::vector<ThreadFacts> helpers;
  [[nodiscard]] std::vector<ThreadFacts> together() const;
};
AllThreads list_all(Pid qemu, const std::filesystem::path& root = "/");

/// What QMP's query-cpus-fast and query-iothreads say.
struct ReportedThreads {
  std::vector<std::pair<int, Tid>> vcpus;  ///< cpu-index and thread, in any order
  std::vector<std::pair<std::string, Tid>> iothreads;
};

/// How many vCPUs there must be, and how many there may be, by index.
struct VcpuCount {
  int least = 1;
  int most = 1;
  VcpuCount(int exactly) : least(exactly), most(exactly) {}  // NOLINT: a number is a count
  VcpuCount(int at_least, int at_most) : least(at_least), most(at_most) {}
};

struct Thread {
  Tid tid;
  partition::ThreadClass thread_class = partition::ThreadClass::emulator;
  std::optional<int> index;  ///< vCPU number
  std::string name;          ///< "vcpu0", the iothread's id, else the thread's own name
  bool kernel_thread = false;
  bool fixed_affinity = false;
  friend bool operator==(const Thread&, const Thread&) = default;
};

/// Puts each thread into its class: vCPUs by cpu-index, iothreads by id, kernel helpers in both
/// forms, all others emulator. Problems (code "qemu-threads") unless the vCPUs are 0..least-1 and
/// others below `most` at will, each of `iothreads` is there, and all reported ids are distinct
/// threads of `tasks` other than the main thread. `tasks`: list_threads of QEMU; `helpers`:
/// list_kernel_helpers.
Checked<std::vector<Thread>> classify(Pid qemu, const std::vector<ThreadFacts>& tasks,
                                      const std::vector<ThreadFacts>& helpers,
                                      const ReportedThreads& reported, VcpuCount vcpus,
                                      const std::vector<std::string>& iothreads = {});

}  // namespace kvmrt::launcher
