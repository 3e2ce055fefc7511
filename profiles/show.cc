// SPDX-License-Identifier: MIT
#include "profiles/show.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "profiles/codec.h"
#include "profiles/keys.h"
#include "profiles/reader.h"

namespace kvmrt::profiles {
namespace {

std::optional<long long> whole_number(const std::string& text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_safe(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_./+-").find(c) != std::string_view::npos;
}

/// Whether some YAML reader would take the bare text for something else than this text.
bool needs_quotes(const std::string& text) {
  if (text.empty() || text.front() == '-' || text.front() == '.') return true;
  const bool is_list = CpuSet::from_list(text) && text.find(',') != std::string::npos;
  if (!is_list && !std::all_of(text.begin(), text.end(), is_safe)) return true;
  if (parse_duration(text) || parse_bool(text) || whole_number(text)) return true;
  return text.front() >= '0' && text.front() <= '9'
             ? text.find_first_of(".eE+_x") != std::string::npos  // 1.5, 1e3, 0x10
             : text == "null" || text == "Null" || text == "NULL" || text == "y" || text == "n";
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

bool is_short(const Node& node) {
  if (node.is_map()) return node.entries.empty();
  return !node.is_list() || std::none_of(node.items.begin(), node.items.end(),
                                         [](const Node& n) { return n.is_map() || n.is_list(); });
}

std::string in_one_line(const Node& node) {
  if (node.is_null()) return "null";
  if (node.is_scalar()) return yaml_scalar(node);
  if (node.is_map()) return "{}";
  std::string text;
  for (const Node& item : node.items) text += (text.empty() ? "" : ", ") + in_one_line(item);
  return "[" + text + "]";
}

void write_block(const Node& node, std::size_t indent, std::string& out);

void write_entry(const Entry& entry, std::size_t indent, std::string& out) {
  out += yaml_scalar(Node::string(entry.key)) + ":";
  if (is_short(entry.value)) {
    out += " " + in_one_line(entry.value) + "\n";
  } else {
    out += "\n";
    write_block(entry.value, indent + 2, out);
  }
}

void write_block(const Node& node, std::size_t indent, std::string& out) {
  const std::string blanks(indent, ' ');
  if (is_short(node)) {
    out += blanks + in_one_line(node) + "\n";
  } else if (node.is_map()) {
    for (const Entry& entry : node.entries) {
      out += blanks;
      write_entry(entry, indent, out);
    }
  } else {
    for (const Node& item : node.items) {
      std::string block;
      write_block(item, indent + 2, block);
      block[indent] = '-';
      out += block;
    }
  }
}

}  // namespace

Node show(const Profile& profile) { return write_fields(profile_keys(), &profile); }

Node show(const partition::HostPolicy& policy) { return write_fields(host_keys(), &policy); }

std::string yaml_scalar(const Node& scalar) {
  return scalar.quoted && needs_quotes(scalar.text) ? in_quotes(scalar.text) : scalar.text;
}

std::string to_yaml(const Node& node) {
  std::string text;
  write_block(node, 0, text);
  return text;
}

nlohmann::ordered_json to_json(const Node& node) {
  using nlohmann::ordered_json;
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::list: {
      ordered_json list = ordered_json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::map: {
      ordered_json map = ordered_json::object();
      for (const Entry& entry : node.entries) map[entry.key] = to_json(entry.value);
      return map;
    }
    case Node::Kind::scalar:
      break;
  }
  if (node.quoted) return node.text;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  if (const auto number = whole_number(node.text)) return *number;
  return node.text;
}

}  // namespace kvmrt::profiles
