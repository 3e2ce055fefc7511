// SPDX-License-Identifier: MIT
// Counters out of the kernel's texts. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::noise {

using CountsByCpu = std::map<CpuId, std::map<std::string, std::uint64_t>>;

/// Of /proc/interrupts, for these CPUs: what has a count, by "24 eth0" or "LOC Local timer
/// interrupts". ERR and MIS belong to no CPU and are left out.
CountsByCpu parse_interrupts(std::string_view text, const partition::CpuSet& cpus);

/// Of /proc/softirqs, by "TIMER".
CountsByCpu parse_softirqs(std::string_view text, const partition::CpuSet& cpus);

/// "wait_max" of /proc/PID/task/TID/sched (milliseconds there; before 5.16
/// "se.statistics.wait_max"); nothing when the kernel keeps none.
std::optional<std::chrono::nanoseconds> parse_longest_wait(std::string_view sched);

}  // namespace kvmrt::launcher::noise
