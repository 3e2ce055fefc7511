// SPDX-License-Identifier: MIT
// Memory that VMs share by name: a file /dev/shm/kvmrt-NAME, which is there as long as a VM uses
// it. Who uses it holds a shared lock on it, by a descriptor that QEMU inherits: so the lock lives
// as long as QEMU does, whatever becomes of the supervisor.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/fd.h"

namespace kvmrt::launcher {

std::filesystem::path shared_memory_path(const std::string& name);

struct FileOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Makes the file (empty, mode 0600, owned by QEMU's user; nothing: ours) or opens it, and takes
/// the lock. Its first QEMU gives it its size; one that wants another size says so and ends. Throws
/// SystemError.
Fd open_shared_memory(const std::filesystem::path& path, std::optional<FileOwner> owner);

/// Removes those files in `folder` that no VM uses any more.
void drop_unused_shared_memory(const std::filesystem::path& folder = "/dev/shm");

}  // namespace kvmrt::launcher
