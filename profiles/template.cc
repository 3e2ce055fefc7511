// SPDX-License-Identifier: MIT
#include "profiles/template.h"

#include <fmt/format.h>

#include "profiles/keys.h"
#include "profiles/show.h"

namespace kvmrt::profiles {
namespace {

std::size_t depth_of(std::string_view name) {
  std::size_t dots = 0;
  for (const char c : name) dots += c == '.' ? 1 : 0;
  return dots;
}

std::string item_keys(const Table& table, std::string_view list) {
  std::string keys;
  for (const std::string& name : names_below(table, std::string(list) + "[]"))
    keys += (keys.empty() ? "" : ", ") + std::string(leaf_of(name));
  return keys;
}

std::string remark(const Table& table, const Field& field) {
  const Key& key = field.key;
  std::string text = fmt::format("# {}", key.help);
  if (field.size != nullptr) return text + fmt::format(" Keys: {}.", item_keys(table, key.name));
  if (key.type == Type::choice || key.type == Type::integer || key.type == Type::device)
    text += fmt::format(" ({})", wanted(key));
  return text;
}

/// Whether a key below this section is given, so that the section stands too.
bool is_opened(const TemplateValues& given, std::string_view section) {
  const std::string prefix = std::string(section) + ".";
  const auto next = given.lower_bound(prefix);
  return next != given.end() && next->first.starts_with(prefix);
}

std::string notes_of(const TemplateValue& value, const std::string& blanks) {
  std::string text;
  for (const std::string& note : value.notes) text += fmt::format("{}# {}\n", blanks, note);
  return text;
}

std::string line_of(const Table& table, const Field& field, const TemplateValues& given) {
  const Key& key = field.key;
  const std::string blanks(2 * depth_of(key.name), ' ');
  const std::string comment = fmt::format("{}{}\n", blanks, remark(table, field));
  if (const auto found = given.find(key.name); found != given.end())
    return fmt::format("{}{}{}{}: {}\n", comment, notes_of(found->second, blanks), blanks,
                       leaf_of(key.name), found->second.yaml);
  if (is_opened(given, key.name))
    return fmt::format("{}{}{}:\n", comment, blanks, leaf_of(key.name));
  const std::string fallback = key.type == Type::section ? "" : " " + std::string(key.fallback);
  return fmt::format("{}#{}{}:{}\n", comment, blanks, leaf_of(key.name),
                     fallback == " " ? "" : fallback);
}

/// A section without a row of its own ("realtime.emulator") needs a line above its first key.
std::string missing_section(const Table& table, std::string_view name, const TemplateValues& given,
                            std::string& last) {
  const std::string_view parent = parent_of(name);
  if (parent.empty() || parent == last || find_field(table, parent) != nullptr) return "";
  last = parent;
  return fmt::format("{}{}{}:\n", is_opened(given, parent) ? "" : "#",
                     std::string(2 * depth_of(parent), ' '), leaf_of(parent));
}

}  // namespace

std::string template_profile(const std::string& name, const TemplateValues& values) {
  TemplateValues given = values;
  given["name"] = {yaml_scalar(Node::string(name)), {}};
  const Table& table = profile_keys();
  std::string text =
      "# A VM for kvmrt; kvmrt.yaml(5) explains every key. Keys that are commented "
      "out\n# stand with their defaults.\n";
  std::string last_section;
  for (const Field& field : table) {
    if (field.key.name.find("[]") != std::string_view::npos) continue;
    if (depth_of(field.key.name) == 0) text += "\n";
    text += missing_section(table, field.key.name, given, last_section);
    text += line_of(table, field, given);
  }
  return text;
}

}  // namespace kvmrt::profiles
