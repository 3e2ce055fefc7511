// SPDX-License-Identifier: MIT
// A resctrl schemata file as a value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace kvmrt::partition {

/// "L3:0=ff;1=ff" lines as numbers: resource → domain → mask (L3…) or percentage (MB).
class Schemata {
 public:
  static std::optional<Schemata> parse(std::string_view text);
  /// One line a resource, masks without leading zeros; the kernel pads them to its own width.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Schemata&, const Schemata&) = default;

  std::map<std::string, std::map<int, unsigned long>> resources;
};

/// What a cache can be divided into.
struct CacheTraits {
  Schemata full;  ///< of the default class before any VM's share was cut from it; empty: no resctrl
  int fewest_ways = 1;
  Bytes l3_size;
  std::map<int, int> domain_of;  ///< CPU → L3 domain
};

}  // namespace kvmrt::partition
