// SPDX-License-Identifier: MIT
// Node to value and back, by a key table. The value starts with its defaults; keys that the node
// lacks, or that are null there, stay as they are.
#pragma once

#include <map>
#include <string>

#include "profiles/field.h"

namespace kvmrt::profiles {

struct Reading {
  std::string vm;                       ///< for the problems
  std::string folder;                   ///< where relative paths start; "": they stay relative
  Problems problems;                    ///< unknown-key, wrong-type, out-of-range, bad-name
  std::map<std::string, Place> places;  ///< every key that stands in the file
};

void read_fields(const Table& table, const Node& document, void* root, Reading& reading);

/// All keys of the table in its order.
Node write_fields(const Table& table, const void* root);

}  // namespace kvmrt::profiles
