// SPDX-License-Identifier: MIT
// One row of the key table: a key of the profile (or of the host file) as users write it. The rows
// (profiles/keys.h) feed the parser, its errors, the JSON Schema, the manual and show-config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvmrt::profiles {

enum class Type {
  text,      ///< any scalar
  name,      ///< letters, digits, . _ -, at most 64
  choice,    ///< one word of `allowed`
  device,    ///< a model, one word of `allowed` if there are any; off, none or a false word: none
  path,      ///< relative to the profile's folder, but for the words of `allowed`
  program,   ///< a path if it contains a slash, else looked up in PATH
  integer,   ///< `allowed` is "LOW..HIGH"
  boolean,   ///< true/false/on/off/yes/no/1/0, any case
  id_set,    ///< the kernel's list format
  bytes,     ///< "2GiB"
  duration,  ///< "60s", "2min", "1h", or a number of seconds
  uuid,
  topology,  ///< auto | "S,C,T" | {sockets, cores, threads}
  texts,     ///< a list of texts; one text alone is a list of one
  map,       ///< free keys; `allowed` says what the values are
  section,   ///< a map of the rows below it; a bare scalar means `short_for`
  list,      ///< a list of such maps; the rows below it are named "KEY[].…"
};

struct Key {
  std::string_view name{};  ///< dotted: "realtime.priority", "disks[].path"
  Type type = Type::text;
  std::string_view fallback{};   ///< the default, as it would be written
  std::string_view allowed{};    ///< "a|b|c" or "1..99"; "": whatever the type takes
  std::string_view word{};       ///< the word for "no value" or "as the rule says", if there is one
  std::string_view short_for{};  ///< sections: the row that a bare scalar sets
  bool required = false;
  /// What is not built yet: "" nothing, "*" any value but the default, "a|b" these words.
  std::string_view later{};
  std::string_view help{};
};

/// The words of "a|b|c".
std::vector<std::string_view> words_of(std::string_view alternatives);
bool is_word_of(std::string_view alternatives, std::string_view word);

/// "a whole number 1..99", "auto or an ID-set", "fifo or rr": for messages and the manual.
std::string wanted(const Key& key);

/// The last name of a dotted key: "path" of "disks[].path".
std::string_view leaf_of(std::string_view name);

/// What a key stands under: "disks[]" of "disks[].path", "" of "name".
std::string_view parent_of(std::string_view name);

}  // namespace kvmrt::profiles
