// SPDX-License-Identifier: MIT
// What the kernel has counted about a VM's vCPUs and about the CPUs that it owns, at one moment.
// Two of them make an interference ledger (noise/noise.h). Plain values; all counters only grow.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::noise {

using std::chrono::nanoseconds;

struct VcpuCounters {
  int index = 0;
  Tid tid;
  partition::CpuSet cpus;  ///< where it is planned to run; empty: anywhere
  nanoseconds run_time{0};
  nanoseconds run_delay{0};  ///< runnable, but waiting for a CPU
  std::uint64_t slices = 0;  ///< times it was put on a CPU
  std::uint64_t involuntary_switches = 0;
  std::uint64_t major_faults = 0;
  /// The longest single wait since the thread began; only kernels with CONFIG_SCHEDSTATS and
  /// kernel.sched_schedstats=1 keep it.
  std::optional<nanoseconds> longest_wait;
  std::map<std::string, std::uint64_t> exits;  ///< of KVM's debugfs; empty where it has none
  friend bool operator==(const VcpuCounters&, const VcpuCounters&) = default;
};

/// A task that is allowed on a watched CPU and is no thread of our QEMU.
struct TaskCounters {
  Tid tid;
  std::uint64_t start_time = 0;  ///< clock ticks since boot; with tid an identity
  std::string name;
  bool kernel = false;
  partition::CpuSet cpus;  ///< those of the watched CPUs where it may run
  bool elsewhere = false;  ///< it may run on other CPUs as well
  CpuId last_cpu;
  nanoseconds run_time{0};
  std::uint64_t slices = 0;
  friend bool operator==(const TaskCounters&, const TaskCounters&) = default;
};

struct CpuCounters {
  std::map<std::string, std::uint64_t> interrupts;  ///< by "LOC Local timer interrupts", "24 eth0"
  std::map<std::string, std::uint64_t> softirqs;    ///< by "TIMER"
  std::optional<std::uint64_t> smis;                ///< where MSR 0x34 can be read
  friend bool operator==(const CpuCounters&, const CpuCounters&) = default;
};

struct Counters {
  nanoseconds at{0};           ///< CLOCK_BOOTTIME
  std::uint64_t at_ticks = 0;  ///< the same in clock ticks, to compare with start times
  std::vector<VcpuCounters> vcpus;
  std::map<CpuId, CpuCounters> cpus;  ///< those that are watched
  std::vector<TaskCounters> tasks;    ///< by tid
  friend bool operator==(const Counters&, const Counters&) = default;
};

/// For the state folder. Nothing when the text cannot be understood.
std::string counters_to_json(const Counters& counters);
std::optional<Counters> counters_from_json(std::string_view text);

}  // namespace kvmrt::launcher::noise
