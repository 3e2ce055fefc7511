// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/keys.h"
#include "profiles/schema.h"

namespace kvmrt::profiles {
namespace {

/// man(7) takes a backslash as an escape and a leading dot or quote as a request.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return !result.empty() && (result.front() == '.' || result.front() == '\'') ? "\\&" + result
                                                                              : result;
}

std::string fallback_words(const Key& key) {
  if (key.required) return "required";
  if (key.fallback.empty()) return "";
  return fmt::format("default {}", key.fallback == "\"\"" ? "empty" : key.fallback);
}

bool is_heading(const Field& field) { return field.key.type == Type::section; }

std::string as_man(const Table& table) {
  std::string text;
  for (const Field& field : table) {
    const Key& key = field.key;
    const std::string fallback = fallback_words(key);
    std::string kind = is_heading(field) && key.short_for.empty() ? "" : wanted(key);
    if (is_heading(field) && !key.short_for.empty())
      kind = fmt::format("a map, or {} alone", leaf_of(key.short_for));
    text += fmt::format(".TP\n.B {}\n", escaped(key.name));
    std::string head = escaped(kind);
    if (!fallback.empty()) head += (head.empty() ? "" : "; ") + escaped(fallback);
    if (!head.empty()) text += fmt::format("({})\n", head);
    if (!key.help.empty()) text += escaped(key.help) + "\n";
    if (!key.later.empty())
      text += key.later == "*" ? "Not built yet.\n"
                               : fmt::format("Not built yet: {}.\n", escaped(key.later));
  }
  return text;
}

std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::string as_markdown(const Table& table) {
  std::string text = "| key | takes | default | meaning |\n|---|---|---|---|\n";
  for (const Field& field : table) {
    const Key& key = field.key;
    const std::string kind = is_heading(field) ? "" : wanted(key);
    const std::string fallback = key.required           ? "required"
                                 : key.fallback.empty() ? ""
                                                        : fmt::format("`{}`", key.fallback);
    text += fmt::format("| `{}` | {} | {} | {} |\n", cell(key.name), cell(kind), cell(fallback),
                        cell(key.help));
  }
  return text;
}

}  // namespace

std::string profile_keys_as_man() { return as_man(profile_keys()); }
std::string host_keys_as_man() { return as_man(host_keys()); }
std::string profile_keys_as_markdown() { return as_markdown(profile_keys()); }
std::string host_keys_as_markdown() { return as_markdown(host_keys()); }

}  // namespace kvmrt::profiles
