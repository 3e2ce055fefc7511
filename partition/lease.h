// SPDX-License-Identifier: MIT
// The record that a VM owns something of the host. It lives as long as its supervisor lives, or its
// QEMU lives after the lease was marked started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "partition/plan.h"
#include "partition/request.h"

namespace kvmrt::partition {

/// A process that no other can be taken for: pid and start time (field 22 of /proc/PID/stat, in
/// clock ticks since boot).
struct ProcessId {
  Pid pid;
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

struct Lease {
  std::string vm;
  std::string uuid;
  ProcessId supervisor;
  std::optional<ProcessId> qemu;
  std::optional<ProcessId> tpm;  ///< the program that plays the guest's TPM; ends with QEMU
  bool started = false;          ///< on disk before the guest's first instruction
  VmPlan plan;                   ///< what it owns, and where its threads live
  VmRequest request;             ///< kept for admission and for a supervisor that adopts
  friend bool operator==(const Lease&, const Lease&) = default;
};

}  // namespace kvmrt::partition
