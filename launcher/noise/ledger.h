// SPDX-License-Identifier: MIT
// The interference ledger of a VM in its state folder: the supervisor writes it, `stat` reads it.
#pragma once

#include <optional>

#include "launcher/noise/noise.h"
#include "launcher/state_folder.h"

namespace kvmrt::launcher::noise {

/// Throws SystemError.
void write_ledger(const VmFolder& folder, const Ledger& ledger);
/// Nothing when there is none or it cannot be understood.
std::optional<Ledger> read_ledger(const VmFolder& folder);

}  // namespace kvmrt::launcher::noise
