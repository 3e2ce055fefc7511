// SPDX-License-Identifier: MIT
// What happened on a host during a few seconds: counters before and after, as facts of the view
// ("/kvmrt/sample/…"). Nothing when no sample was taken.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "partition/checks/host_view.h"

namespace kvmrt::partition::checks {

long long sample_seconds(const HostView& host);  ///< 0: none taken

/// SMIs by CPU. Nothing without a sample or where the MSR cannot be read.
std::optional<std::map<CpuId, long long>> smi_deltas(const HostView& host);

/// Interrupts by CPU, then by row of /proc/interrupts ("LOC", "24").
using InterruptCounts = std::map<CpuId, std::map<std::string, long long>>;
InterruptCounts parse_interrupts(std::string_view text);
std::optional<InterruptCounts> interrupt_deltas(const HostView& host);

}  // namespace kvmrt::partition::checks
