// SPDX-License-Identifier: MIT
// What the running host is like at this moment, as far as warnings and admission look at it. A pure
// value; partition/probe_facts.h reads it. A fact that is absent (another machine's topology, a
// file that is not there) never produces a problem.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "partition/cpuset.h"

namespace kvmrt::partition {

/// An interrupt whose affinity the kernel keeps for itself (a queue of NVMe, virtio, a NIC).
struct ManagedIrq {
  int number = 0;
  std::string action;  ///< as /proc/interrupts names it, "nvme0q3"
  CpuSet cpus;         ///< where it is delivered
  friend bool operator==(const ManagedIrq&, const ManagedIrq&) = default;
};

struct HostFacts {
  std::optional<bool> kernel_rt;           ///< PREEMPT_RT
  std::optional<std::string> clocksource;  ///< "tsc", "kvm-clock", …
  std::optional<bool> swap_on;
  std::optional<CpuSet> varying_frequency;        ///< CPUs whose governor is not "performance"
  std::map<std::string, int> kthread_priorities;  ///< "ksoftirqd", "rcuc": lowest FIFO priority
  std::vector<ManagedIrq> managed_irqs;
  std::set<std::string> busy_devices;  ///< PCI addresses in use by the host: NIC up, disk mounted
  std::optional<std::string> boot_parameters;  ///< /proc/cmdline
  friend bool operator==(const HostFacts&, const HostFacts&) = default;
};

}  // namespace kvmrt::partition
