// SPDX-License-Identifier: MIT
// A disk image of its own for a cloned VM. Copies appear at once whole, and never over a file.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/problem.h"

namespace kvmrt::launcher {

enum class CopyKind { reflink, copy, overlay };

struct DiskCopy {
  CopyKind kind = CopyKind::copy;
  Bytes written;  ///< data that was copied; holes and shared extents cost nothing
};

/// What cannot be copied: codes is-a-device, external-data-file, cannot-read.
Problems uncopyable(const std::string& image, bool overlay);

/// With reflink where the file system can, else data only, holes left out. Mode and owner follow.
/// Throws SystemError; no file is left then.
DiskCopy copy_disk(const std::string& from, const std::string& to);

/// A qcow2 image that holds what differs from `backing`, by qemu-img. Throws std::exception.
DiskCopy overlay_disk(const std::string& backing, const std::string& format, const std::string& to);

}  // namespace kvmrt::launcher
