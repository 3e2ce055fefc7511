// SPDX-License-Identifier: MIT
// A guest that outlived its supervisor, or that another program of this process supervised before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "launcher/supervisor.h"
#include "partition/keeper.h"
#include "partition/lease.h"

namespace kvmrt::launcher {

/// A QEMU of this VM that runs, its lease marked started.
std::optional<partition::Lease> kept_guest(const partition::Keeper& keeper, const std::string& vm);

/// Connected, and the lease is ours. Throws SystemError.
Charge adopt_qemu(Charge charge, const partition::Lease& kept, partition::Keeper& keeper);

/// How a guest came into the run state "shutdown" while nobody watched, told by QEMU's log from
/// `mark` on: QEMU notes a power-off there ("qemu_system_shutdown_request reason=6") and no reset.
GuestShutdown unwatched_shutdown(std::string_view log, std::uint64_t mark);

}  // namespace kvmrt::launcher
