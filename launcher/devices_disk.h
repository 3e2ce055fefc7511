// SPDX-License-Identifier: MIT
// A disk's settings with their defaults resolved.
#pragma once

#include <string>

#include "profiles/profile.h"

namespace kvmrt::launcher {

/// QEMU's block driver: the profile's word, else "qcow2" for a path ending so, else "raw". Never
/// guessed from the content: a guest could write another format's header into a raw image.
std::string image_format(const profiles::Disk& disk);

/// "virtio" | "scsi" | "nvme" | "sata" | "ide". There is no virtio CD-ROM: it goes to sata.
std::string disk_bus(const profiles::Disk& disk);

/// A CD-ROM is read-only whatever the profile says.
[[nodiscard]] bool image_readonly(const profiles::Disk& disk);

/// The host's page cache is left out (O_DIRECT): cache none and directsync.
[[nodiscard]] bool cache_direct(const profiles::Disk& disk);

/// The guest sees a write cache, and flushes it: all but writethrough and directsync.
[[nodiscard]] bool cache_writeback(const profiles::Disk& disk);

/// The profile's, else native where the cache allows it (QEMU wants cache.direct for it), else
/// threads.
std::string image_aio(const profiles::Disk& disk);

}  // namespace kvmrt::launcher
