// SPDX-License-Identifier: MIT
// What a host is judged for: the CPUs, memory, devices and priorities of the RT VMs that shall run
// there, or, without any, those that its boot parameters set apart.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "partition/cpuset.h"
#include "partition/plan.h"
#include "partition/request.h"

namespace kvmrt::partition::checks {

class HostView;

struct VmNeed {
  std::string name;
  Bytes memory;
  std::optional<Bytes> hugepages;  ///< page size
  NodeSet nodes;                   ///< empty: any
  bool locked = false;
  std::optional<Pid> qemu;  ///< it runs already: its memory is taken
};

struct Wanted {
  std::vector<std::string> rt_vms;
  CpuSet rt_cpus;        ///< where the RT VMs' threads run; without siblings
  CpuSet siblings;       ///< SMT siblings of rt_cpus that must be offline
  CpuSet housekeeping;   ///< what is left to the host
  int priority = 1;      ///< the highest of any real-time vCPU
  int budget_us = 0;     ///< the smallest latency budget; 0: none named
  bool running = false;  ///< every RT VM runs already: what kvmrt sets at start must be in force
  std::vector<std::string> pci;  ///< devices to pass through
  std::vector<VmNeed> memory;    ///< of all VMs
  std::string why_no_rt_cpus;    ///< the reason when rt_cpus is empty

  [[nodiscard]] bool rt() const { return !rt_vms.empty(); }
};

/// One VM that shall run, as asked for and as planned.
struct WantedVm {
  VmRequest request;
  VmPlan plan;
  int budget_us = 0;
  std::optional<Pid> qemu;
};

/// For the VMs; in general (RT CPUs are those isolated at boot) when none of them is RT.
/// `source` is the place of the profiles, for the reason that is given then.
Wanted wanted_of(const HostView& host, std::span<const WantedVm> vms, const std::string& source);

}  // namespace kvmrt::partition::checks
