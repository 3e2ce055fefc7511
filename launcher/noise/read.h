// SPDX-License-Identifier: MIT
// Reads the counters of a running VM from /proc, debugfs and the MSR device. Thin: what the texts
// mean is noise/parse.h.
#pragma once

#include <filesystem>

#include "launcher/noise/counters.h"
#include "launcher/vm_state.h"

namespace kvmrt::launcher::noise {

enum class Depth {
  all,
  /// vCPUs and tasks only, for the slow check: /proc/interrupts is large on a large machine, and
  /// reading the MSR of SMIs interrupts its CPU for a microsecond.
  tasks,
};

/// The CPUs whose disturbers are looked for: those that the VM owns and keeps online.
partition::CpuSet watched_cpus(const VmState& vm);

/// What cannot be read is left out. `vm.qemu` must be set.
Counters read_counters(const VmState& vm, Depth depth, const std::filesystem::path& root = "/");

}  // namespace kvmrt::launcher::noise
