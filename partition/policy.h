// SPDX-License-Identifier: MIT
// The administrator's rules for the whole host: the host file (host.yaml) as a value. All defaults
// are those of a host without one. profiles/host_file.h reads it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "partition/cpuset.h"

namespace kvmrt::partition {

enum class SiblingRule { at_start, at_boot, leave };
enum class DisturbRule { warn, refuse };
enum class Throttling { keep, off };
enum class ConflictRule { configure, refuse, warn };

/// Priorities (SCHED_FIFO) of the owned CPUs' kernel threads; 0: leave alone.
struct KthreadPriorities {
  int rcuc = 4;
  int ktimers = 3;
  int ksoftirqd = 2;
  int kworker = 2;
  friend bool operator==(const KthreadPriorities&, const KthreadPriorities&) = default;
};

struct Power {
  std::string governor = "performance";  ///< "": leave alone
  std::optional<int> latency_us = 2;     ///< nothing: leave alone
  friend bool operator==(const Power&, const Power&) = default;
};

/// A poll-mode switch beside the VMs: its CPUs are owned like a VM's.
struct Service {
  std::string unit;
  CpuSet cpus;
  int priority = 0;  ///< SCHED_FIFO, above the vCPUs'
  friend bool operator==(const Service&, const Service&) = default;
};

struct HostPolicy {
  std::optional<CpuSet> housekeeping;  ///< nothing: not set
  std::map<std::string, CpuSet> irqs;  ///< name or number → where
  SiblingRule siblings = SiblingRule::at_start;
  DisturbRule disturb = DisturbRule::warn;
  KthreadPriorities kthread_priorities;
  bool kthread_priorities_named = false;  ///< set in the file: then also on kernels that are not RT
  Throttling throttling = Throttling::keep;
  Power power;
  std::vector<Service> services;
  std::map<std::string, ConflictRule> on_conflict{{"irqbalance", ConflictRule::configure},
                                                  {"tuned", ConflictRule::refuse},
                                                  {"libvirtd", ConflictRule::warn},
                                                  {"stalld", ConflictRule::warn}};
  std::map<std::string, Place> places;  ///< dotted key → where it stands
};

}  // namespace kvmrt::partition
