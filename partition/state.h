// SPDX-License-Identifier: MIT
// The host as reconcile sees it at one moment: CPUs, interrupts, tasks and the present value of
// every knob that a lease may touch. A plain value; read_state makes it, the dry-run of another
// machine makes one from a topology.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "partition/cpuset.h"
#include "partition/host.h"
#include "partition/ledger.h"
#include "partition/schemata.h"
#include "partition/topology.h"

namespace kvmrt::partition {

struct Irq {
  int number = 0;
  std::string actions;  ///< "eth0-rx-0", "i8042,rtc0"; never empty: unused ones are left out
  std::string device;   ///< PCI address, "" for others
  std::string net;      ///< interface of that device, "" for others
  [[nodiscard]] std::string knob() const;
};

struct HostState {
  CpuSet online;
  CpuSet isolated;  ///< boot parameter isolcpus
  bool rt_kernel = false;
  bool partitions = false;                   ///< the cgroup v2 cpuset controller is to be had
  bool fair_server = false;                  ///< 6.12: instead of RT throttling
  std::map<std::string, std::string> knobs;  ///< present ones → value, trimmed
  std::vector<Irq> irqs;
  std::vector<Task> tasks;
  std::unordered_map<int, std::string> service_of;  ///< process → unit of host.yaml's services
  CacheTraits cache;
  /// Free huge pages by nr_hugepages file.
  std::map<std::string, std::uint64_t> free_pages;
};

/// Which knobs to read: those of CPUs that leases or the ledger name, and host-wide ones.
struct Interest {
  CpuSet owned;                       ///< by leases before or after
  CpuSet offline;                     ///< to go offline, or held so
  std::vector<Lease> leases;          ///< before and after: cgroups, devices, huge pages
  std::vector<std::string> recorded;  ///< knobs of the ledger
  std::vector<std::string> units;     ///< host.yaml's services
  bool interrupts = true;  ///< false: only recorded ones (the cheap look of the drift check)
  bool tasks = true;       ///< false: nobody's place is at stake
};

HostState read_state(Host& host, const Interest& interest);

/// For --input: a host of these CPUs with default settings, nothing running on it.
HostState state_of(const HostTopology& topology, const Interest& interest);

// Names of knobs.
std::string online_knob(CpuId cpu);
std::string governor_knob(CpuId cpu);
std::string latency_knob(CpuId cpu);
std::string fair_server_knob(CpuId cpu);
std::string irq_knob(int number);
std::string partition_knob(const std::string& vm);  ///< "/sys/fs/cgroup/kvmrt-NAME"
bool is_partition_knob(std::string_view knob);
std::string pages_knob(NodeId node, Bytes size);
/// "huge pages of 2048kB on node 1" of that knob.
std::string pages_text(const std::string& knob);

inline constexpr const char* kDefaultIrqKnob = "/proc/irq/default_smp_affinity";
inline constexpr const char* kWorkqueues = "/sys/devices/virtual/workqueue";
inline constexpr const char* kWorkqueueKnob = "/sys/devices/virtual/workqueue/cpumask";
inline constexpr const char* kWatchdogKnob = "/proc/sys/kernel/watchdog_cpumask";
inline constexpr const char* kThrottlingKnob = "/proc/sys/kernel/sched_rt_runtime_us";
inline constexpr const char* kCgroups = "/sys/fs/cgroup";
inline constexpr const char* kControllersKnob = "/sys/fs/cgroup/cgroup.subtree_control";

/// The present value of one knob as the ledger keeps it; nothing when it is absent.
std::optional<std::string> read_knob(Host& host, const std::string& knob);

}  // namespace kvmrt::partition
