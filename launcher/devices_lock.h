// SPDX-License-Identifier: MIT
// Does another QEMU hold a disk's image? QEMU locks bytes of the image (file-posix.c:
// RAW_LOCK_PERM_BASE, RAW_LOCK_SHARED_BASE), so the question can be asked before anything on the
// host changes, and answered with a name where QEMU's own "Failed to get write lock" has none.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/problem.h"
#include "launcher/command_line.h"

namespace kvmrt::launcher {

enum class ImageUse { read, write };

/// Whether a lock that others hold forbids this use of the image. Takes no lock. An image that
/// cannot be opened, or a file system without locks, answers no: that is for others to say.
[[nodiscard]] bool image_locked(const std::string& path, ImageUse use);

/// A process that has the image open; one called qemu… before others. Looks through all of /proc,
/// so ask only when it matters.
struct ImageHolder {
  Pid pid;
  std::string name;  ///< its comm
};
std::optional<ImageHolder> image_holder(const std::string& path,
                                        const std::filesystem::path& proc = "/proc");

/// Errors "image-in-use", one for each disk that is handed over and held by another.
Problems check_image_locks(const std::vector<Handover>& handovers);

}  // namespace kvmrt::launcher
