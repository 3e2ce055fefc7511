// SPDX-License-Identifier: MIT
// The text of one QEMU option value: "virtio-blk-pci,id=disk0,drive=image0". QEMU ends a value at a
// comma, so commas inside one are doubled.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace kvmrt::launcher {

class Options {
 public:
  Options() = default;
  explicit Options(std::string_view first);  ///< the leading word without a key, e.g. the driver
  /// Starts with text of the profile that is an option value by itself.
  static Options verbatim(std::string text);
  Options& set(std::string_view key, std::string_view value);
  Options& set(std::string_view key, int value);
  Options& on(std::string_view key);   ///< key=on
  Options& off(std::string_view key);  ///< key=off
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// With every comma doubled.
std::string escaped(std::string_view value);

/// As QEMU's size options read it: the largest unit that divides it, "2G", "1536M", "4097B".
std::string size_text(Bytes size);

}  // namespace kvmrt::launcher
