// SPDX-License-Identifier: MIT
// A YAML value with the place where it stands: what the reader of profiles sees of a file, and what
// it prints one from. No anchors, no tags, no types beyond "null, scalar, list, map".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"

namespace kvmrt::profiles {

struct Entry;

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;     ///< of a scalar
  bool quoted = false;  ///< the scalar is a string even where its text looks like a number
  std::vector<Node> items;
  std::vector<Entry> entries;  ///< of a map, in the order of the file
  Place place;

  static Node plain(std::string text);   ///< a number, a boolean, a word
  static Node string(std::string text);  ///< a text
  static Node list();
  static Node map();

  [[nodiscard]] bool is_null() const { return kind == Kind::null; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
  /// The value of a key of a map, or nullptr.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
  /// The value of that key, made (null) when the map lacks it. A null node becomes a map.
  Node& at(std::string_view key);
};

struct Entry {
  std::string key;
  Place place;
  Node value;
};

/// "'abc'", "a list", "a map", "nothing": how messages speak of a node. Long texts are cut.
std::string described(const Node& node);

/// Equal in kind, text and children; places and quotes do not count.
bool same_value(const Node& a, const Node& b);

}  // namespace kvmrt::profiles
