// SPDX-License-Identifier: MIT
#include "profiles/node.h"

#include <algorithm>
#include <utility>

namespace kvmrt::profiles {

Node Node::plain(std::string text) {
  Node node;
  node.kind = Kind::scalar;
  node.text = std::move(text);
  return node;
}

Node Node::string(std::string text) {
  Node node = plain(std::move(text));
  node.quoted = true;
  return node;
}

Node Node::list() {
  Node node;
  node.kind = Kind::list;
  return node;
}

Node Node::map() {
  Node node;
  node.kind = Kind::map;
  return node;
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

Node& Node::at(std::string_view key) {
  if (is_null()) kind = Kind::map;
  if (Node* found = find(key)) return *found;
  entries.push_back({std::string(key), place, {}});
  return entries.back().value;
}

std::string described(const Node& node) {
  constexpr std::size_t kLongest = 60;
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
    case Node::Kind::scalar:
      break;
  }
  std::string text;
  for (const char c : node.text.substr(0, kLongest))
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return "'" + text + (node.text.size() > kLongest ? "…'" : "'");
}

bool same_value(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text) return false;
  const auto same_entry = [](const Entry& x, const Entry& y) {
    return x.key == y.key && same_value(x.value, y.value);
  };
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    same_entry);
}

}  // namespace kvmrt::profiles
