// SPDX-License-Identifier: MIT
#include "profiles/overrides.h"

#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "profiles/keys.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

constexpr const char* kFile = "--set";

struct Step {
  std::string name;                  ///< "disks"
  std::vector<std::size_t> indexes;  ///< of "disks[0]"
};

std::optional<Step> step_of(std::string_view part) {
  Step step{std::string(part.substr(0, part.find('['))), {}};
  part.remove_prefix(step.name.size());
  while (!part.empty()) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(part.data() + 1, part.data() + part.size(), index);
    if (part.front() != '[' || error != std::errc{} || end == part.data() + part.size() ||
        *end != ']')
      return std::nullopt;
    step.indexes.push_back(index);
    part.remove_prefix(static_cast<std::size_t>(end + 1 - part.data()));
  }
  if (step.name.empty()) return std::nullopt;
  return step;
}

std::optional<std::vector<Step>> steps_of(std::string_view key) {
  std::vector<Step> steps;
  for (;;) {
    const std::size_t dot = key.find('.');
    auto step = step_of(key.substr(0, dot));
    if (!step) return std::nullopt;
    steps.push_back(std::move(*step));
    if (dot == std::string_view::npos) return steps;
    key.remove_prefix(dot + 1);
  }
}

/// "memory: 2GiB" becomes "memory: {size: 2GiB}" when another key of memory is to be set.
void spread_short_form(Node& node, const std::string& row) {
  const Field* field = find_field(profile_keys(), row);
  if (!node.is_scalar() || field == nullptr || field->key.short_for.empty()) return;
  Node map = Node::map();
  map.place = node.place;
  Node& inner = map.at(leaf_of(field->key.short_for));
  inner = std::move(node);
  node = std::move(map);
}

Node* item_of(Node& node, std::size_t index) {
  if (node.is_null()) node.kind = Node::Kind::list;
  if (!node.is_list() || index > node.items.size()) return nullptr;
  if (index == node.items.size()) node.items.emplace_back();
  return &node.items[index];
}

/// The node of that path, made on the way; nullptr where something else stands.
Node* walk(Node& document, const std::vector<Step>& steps) {
  Node* node = &document;
  std::string row;
  for (const Step& step : steps) {
    spread_short_form(*node, row);
    if (!node->is_map() && !node->is_null()) return nullptr;
    node = &node->at(step.name);
    row += (row.empty() ? "" : ".") + step.name;
    for (const std::size_t index : step.indexes) {
      node = item_of(*node, index);
      if (node == nullptr) return nullptr;
      row += "[]";
    }
  }
  return node;
}

void shift(Node& node, int columns) {
  if (node.place.line == 1) node.place.column += columns;
  for (Node& item : node.items) shift(item, columns);
  for (Entry& entry : node.entries) {
    if (entry.place.line == 1) entry.place.column += columns;
    shift(entry.value, columns);
  }
}

Problem bad(const std::string& text, const std::string& key, std::string message) {
  (void)text;
  return {Severity::error, "bad-override", "", key, std::move(message), "", {kFile, 1, 1}};
}

Problems apply_one(Node& document, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  if (equals == std::string::npos)
    return {bad(text, "", fmt::format("found '{}'; allowed: key=value", text))};
  const auto steps = steps_of(key);
  if (!steps)
    return {bad(text, key, fmt::format("'{}' is no key; allowed: a.b or list[0].a", key))};
  const int columns = static_cast<int>(equals) + 1;
  Documents value = parse_yaml(std::string_view(text).substr(equals + 1), kFile);
  for (Problem& problem : value.problems) {
    if (problem.key.empty()) problem.key = key;
    if (problem.place.line == 1) problem.place.column += columns;
  }
  if (!value.problems.empty()) return std::move(value.problems);
  if (value.roots.size() > 1) return {bad(text, key, "one value only")};
  Node* node = walk(document, *steps);
  if (node == nullptr)
    return {bad(text, key,
                fmt::format("there is no '{}' in the profile; list items count from 0 "
                            "and the next one may be added",
                            key))};
  if (value.roots.empty()) value.roots.emplace_back().place = {kFile, 1, 1};
  *node = std::move(value.roots[0]);
  shift(*node, columns);
  return {};
}

}  // namespace

Problems apply_overrides(Node& document, const Overrides& overrides) {
  Problems problems;
  for (const std::string& text : overrides) {
    for (Problem& problem : apply_one(document, text)) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace kvmrt::profiles
