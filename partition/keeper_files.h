// SPDX-License-Identifier: MIT
// The keeper's two files in the run directory: the ledger and the lock.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "partition/host.h"
#include "partition/ledger.h"

namespace kvmrt::partition {

/// Makes the run directory (0700) and holds its lock until destroyed. The lock belongs to the open
/// file, not to the process, and is closed at exec: a QEMU forked meanwhile does not keep it.
/// Throws SystemError ETIMEDOUT when another keeper holds it for longer than `patience_ms`.
Fd lock_run_dir(const std::filesystem::path& run_dir, int patience_ms = 30000);

std::filesystem::path ledger_path(const std::filesystem::path& run_dir);

/// An empty ledger of this boot when there is none, or one of an earlier boot (whose settings are
/// gone with it). Throws SystemError EBADMSG with the way out for what is no ledger.
Ledger load_ledger(Host& host, const std::filesystem::path& run_dir);

/// The same for those who only look: one that they may not read (the folder is root's) is empty.
Ledger peek_ledger(Host& host, const std::filesystem::path& run_dir);

/// Removes the file when the ledger is idle.
void save_ledger(Host& host, const std::filesystem::path& run_dir, const Ledger& ledger);

}  // namespace kvmrt::partition
