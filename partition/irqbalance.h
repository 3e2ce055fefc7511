// SPDX-License-Identifier: MIT
// irqbalance as a knob: the CPUs it keeps off, read and set through its socket.
#pragma once

#include <optional>
#include <string>

#include "partition/cpuset.h"
#include "partition/host.h"

namespace kvmrt::partition {

/// Its value is a CPU list; "" when it balances over all CPUs. Absent when it does not run or
/// offers no socket.
inline constexpr const char* kBalancerKnob = "irqbalance:banned_cpus";

std::optional<std::string> read_banned(Host& host);

/// 0 or an errno.
int write_banned(Host& host, const std::string& cpus);

}  // namespace kvmrt::partition
