// SPDX-License-Identifier: MIT
// How the VMs of this host are: what their supervisors wrote, and what the kernel says now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "launcher/options.h"
#include "launcher/placement.h"
#include "launcher/threads.h"
#include "launcher/vm_state.h"

namespace kvmrt::launcher {

struct ThreadStat {
  ThreadFacts facts;
  ThreadSetting setting;
  bool as_planned = false;
};

struct VmStat {
  VmState state;
  std::string cpuset;  ///< ID-set; the profile's for a VM that does not run
  bool qemu_alive = false;
  bool supervised = false;
  Bytes locked;  ///< VmLck + HugetlbPages
  std::int64_t uptime_s = 0;
  std::vector<ThreadStat> threads;
};

/// The VMs of `names` (all when empty): those configured in -f, and those that have a state. Throws
/// Refused for a name that is neither. Profiles that cannot be read are left out; `problems` gets
/// what is wrong with them.
std::vector<VmStat> gather_stat(const CommonOptions& common, const std::vector<std::string>& names,
                                bool with_threads, Problems* problems = nullptr);

std::string stat_table(const std::vector<VmStat>& vms, bool with_threads);
std::string stat_json(const std::vector<VmStat>& vms, bool with_threads);

}  // namespace kvmrt::launcher
