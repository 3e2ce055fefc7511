// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/keys.h"
#include "profiles/load.h"
#include "profiles/reader.h"

namespace kvmrt::profiles {
namespace {

/// What the key would say if the profile did not name it.
const Profile& untouched() {
  static const Profile profile;
  return profile;
}

bool comes_later(const Field& field, const Node& node, const Node& fallback) {
  if (field.key.later == "*") return !same_value(node, fallback);
  return is_word_of(field.key.later, node.text);
}

void add(Problems& problems, const Profile& profile, const std::string& key, const Node& node) {
  const std::string what = node.is_scalar() ? described(node) : "this";
  problems.push_back({Severity::error, "not-built-yet", profile.name, key,
                      fmt::format("{} is a feature that this version does not have yet", what), "",
                      profile.place_of(key)});
}

void check_items(Problems& problems, const Profile& profile, const Field& field) {
  const std::string_view name = field.key.name;
  const std::string list(name.substr(0, name.find("[]")));
  const std::size_t count = find_field(profile_keys(), list)->size(&profile);
  for (std::size_t i = 0; i < count; ++i) {
    const Node node = field.write(field.key, &profile, i);
    if (comes_later(field, node, Node::string(std::string(field.key.fallback))))
      add(problems, profile, fmt::format("{}[{}].{}", list, i, leaf_of(name)), node);
  }
}

}  // namespace

Problems unbuilt(const Profile& profile) {
  Problems problems;
  for (const Field& field : profile_keys()) {
    if (field.key.later.empty()) continue;
    const std::string key(field.key.name);
    if (field.size != nullptr) {
      if (field.size(&profile) > 0) add(problems, profile, key, Node::list());
    } else if (key.find("[]") != std::string::npos) {
      check_items(problems, profile, field);
    } else {
      const Node node = field.write(field.key, &profile, 0);
      if (comes_later(field, node, field.write(field.key, &untouched(), 0)))
        add(problems, profile, key, node);
    }
  }
  return problems;
}

}  // namespace kvmrt::profiles
