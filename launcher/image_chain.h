// SPDX-License-Identifier: MIT
// What lies below a qcow2 overlay. QEMU would open each backing file by the path that stands in the
// image above it, with rights that it need not have; so the chain is read here and its layers are
// handed over as the disk itself is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"

namespace kvmrt::launcher {

/// One image below a disk's.
struct ImageLayer {
  std::string path;
  std::string format;
  bool block_device = false;
  friend bool operator==(const ImageLayer&, const ImageLayer&) = default;
};

/// What a qcow2 image says of the one below it.
struct BackingName {
  std::string file;    ///< as written: relative to the image's folder
  std::string format;  ///< "": not written down
  friend bool operator==(const BackingName&, const BackingName&) = default;
};

/// Pure. `cluster`: the image's first cluster, where all of it stands (QEMU's
/// docs/interop/qcow2.txt). Nothing for an image without a backing file. Throws std::runtime_error
/// for one that is no qcow2 or whose header leads outside.
std::optional<BackingName> backing_of(std::string_view cluster);

/// Deeper chains are refused: each layer costs a descriptor, and every read may pass all of them.
inline constexpr std::size_t kMostLayers = 64;

struct ImageChain {
  std::vector<ImageLayer> layers;  ///< nearest first
  Problems problems;               ///< errors, without VM and key
};

/// Follows the backing files of the qcow2 image at `path`. An image that is absent, unreadable or
/// no qcow2 has none here: the disk's own checks tell of it. Only reads.
ImageChain probe_chain(const std::string& path);

}  // namespace kvmrt::launcher
