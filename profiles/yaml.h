// SPDX-License-Identifier: MIT
// YAML text to nodes, with the limits of product section 3: at most 1 MiB, bounded nesting, and no
// anchors, aliases, tags or duplicate keys. Never throws on any input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profiles/node.h"

namespace kvmrt::profiles {

constexpr std::size_t kLongestFile = std::size_t{1} << 20U;  ///< bytes
constexpr int kDeepest = 32;                                 ///< lists and maps in each other
constexpr std::size_t kMostNodes = 20'000;

struct Documents {
  std::vector<Node> roots;  ///< one per document that is not empty; nothing after a syntax error
  Problems problems;
};

/// Codes: too-large, bad-encoding, yaml-syntax, too-deep, anchor-or-alias, tag, duplicate-key.
Documents parse_yaml(std::string_view text, const std::string& file);

/// What must be settled before the parser may see the text: size, encoding, control characters,
/// tabs in the indentation, number of brackets. `text` loses its BOM and carriage returns.
Problems scan_text(std::string& text, const std::string& file);

}  // namespace kvmrt::profiles
