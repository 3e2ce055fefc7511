// SPDX-License-Identifier: MIT
// What the planner answers: where every thread of one VM lives, which CPUs it owns, which siblings
// go offline, which nodes give memory. A pure value, computed without touching the host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "partition/cpuset.h"
#include "partition/request.h"

namespace kvmrt::partition {

enum class ThreadClass { emulator, vcpu, iothread, helper };

struct ThreadPlan {
  ThreadClass thread_class = ThreadClass::emulator;
  std::optional<int> index;  ///< vCPU number
  std::string name;          ///< "vcpu0", "emulator", the iothread's
  CpuSet cpus;               ///< empty: no biasing, wherever the host lets it run
  Scheduling scheduling;
  friend bool operator==(const ThreadPlan&, const ThreadPlan&) = default;
};

struct VmPlan {
  std::string name;
  bool rt = false;
  CpuSet cpuset;                    ///< as asked for, or as `auto` chose; without siblings
  std::vector<ThreadPlan> threads;  ///< emulator first, then vCPUs by index, then iothreads
  CpuSet emulator_cpus;             ///< empty: no biasing
  CpuSet owned_cpus;                ///< siblings included; empty for a VM that is not RT
  CpuSet offline_cpus;              ///< those that we take down
  CpuSet housekeeping_cpus;         ///< what is left to the host
  NodeSet numa_nodes;               ///< empty: unrestricted
  friend bool operator==(const VmPlan&, const VmPlan&) = default;

  [[nodiscard]] CpuSet usable_cpus() const { return owned_cpus - offline_cpus; }
};

std::string to_string(ThreadClass thread_class);  ///< "emulator" | "vcpu" | "iothread" | "helper"
std::string to_string(Policy policy);             ///< "other" | "fifo" | "rr"

}  // namespace kvmrt::partition
