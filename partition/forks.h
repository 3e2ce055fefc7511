// SPDX-License-Identifier: MIT
// Tasks that are born while masks change. A fork copies its parent's mask when it begins and shows
// up in /proc when it ends; between the two the parent's mask may have become another one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "partition/desired.h"

namespace kvmrt::partition {

/// How long to wait before each further look for tasks born meanwhile. The kernel has no barrier
/// for forks in flight; one that was preempted in the middle needs some time slices.
inline constexpr std::chrono::milliseconds kSweepsAtAcquire[] = {std::chrono::milliseconds(0),
                                                                 std::chrono::milliseconds(2)};
inline constexpr std::chrono::milliseconds kSweepsAtRelease[] = {
    std::chrono::milliseconds(0), std::chrono::milliseconds(3), std::chrono::milliseconds(12)};

/// Forks since boot ("processes" of /proc/stat); nothing where it cannot be read.
std::optional<std::uint64_t> forks_since_boot(Host& host);

/// Adds to the ledger's outgoing masks the narrowed ones that tasks are about to lose.
void remember_outgoing(const Desired& wanted, const HostState& state, Ledger& ledger);

}  // namespace kvmrt::partition
