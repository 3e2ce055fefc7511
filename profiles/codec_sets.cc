// SPDX-License-Identifier: MIT
// ID-sets, lists and maps.
#include <charconv>
#include <fmt/format.h>

#include "profiles/codec.h"

namespace kvmrt::profiles {
namespace {

template <class Set>
std::optional<Set> read_set(const Node& node, const Key& key, Sink& sink,
                            const std::string& below = {}) {
  const auto set = node.is_scalar() ? Set::from_list(node.text) : std::nullopt;
  if (!set) sink.refuse(node, "wrong-type", wanted(key), below);
  return set;
}

template <class Set>
void read_choice(const Node& node, const Key& key, Choice<Set>& to, Sink& sink) {
  if (node.is_scalar() && node.text == "auto") {
    to = Choice<Set>::automatic();
  } else if (const auto set = read_set<Set>(node, key, sink)) {
    to = set->empty() ? Choice<Set>{} : Choice<Set>::of(*set);
  }
}

template <class Set>
Node write_choice(const Choice<Set>& value) {
  return Node::string(value.is_auto() ? "auto" : value.set.list());
}

/// Calls `each` for every entry of a map; refuses what is no map.
template <class Each>
void read_entries(const Node& node, const Key& key, Sink& sink, Each each) {
  if (!node.is_map()) return sink.refuse(node, "wrong-type", wanted(key));
  for (const Entry& entry : node.entries) {
    if (entry.value.is_scalar()) {
      each(entry);
    } else {
      sink.refuse(entry.value, "wrong-type", wanted(key), entry.key);
    }
  }
}

std::optional<int> small_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || number < 0 || number > partition::BitSet::kMaxId) return std::nullopt;
  return number;
}

}  // namespace

void read_value(const Node& node, const Key& key, CpuSet& to, Sink& sink) {
  if (auto set = read_set<CpuSet>(node, key, sink)) to = std::move(*set);
}

void read_value(const Node& node, const Key& key, NodeSet& to, Sink& sink) {
  if (auto set = read_set<NodeSet>(node, key, sink)) to = std::move(*set);
}

void read_value(const Node& node, const Key& key, Choice<CpuSet>& to, Sink& sink) {
  read_choice(node, key, to, sink);
}

void read_value(const Node& node, const Key& key, Choice<NodeSet>& to, Sink& sink) {
  read_choice(node, key, to, sink);
}

void read_value(const Node& node, const Key& key, std::vector<int>& to, Sink& sink) {
  const auto set = read_set<CpuSet>(node, key, sink);
  if (!set) return;
  to.clear();
  for (const CpuId id : set->members()) to.push_back(id.value());
}

void read_value(const Node& node, const Key& key, std::vector<std::string>& to, Sink& sink) {
  std::vector<std::string> texts;
  const Node* const begin = node.is_list() ? node.items.data() : &node;
  const std::size_t count = node.is_list() ? node.items.size() : 1;
  bool good = true;
  for (std::size_t i = 0; i < count; ++i) {
    const Node& item = begin[i];
    const std::string below = node.is_list() ? fmt::format("[{}]", i) : "";
    if (!item.is_scalar()) {
      sink.refuse(item, "wrong-type", wanted(key), below);
      good = false;
    } else if (!key.allowed.empty() && !is_word_of(key.allowed, item.text)) {
      sink.refuse(item, "out-of-range", wanted(key), below);
      good = false;
    }
    texts.push_back(item.text);
  }
  if (good) to = std::move(texts);
}

void read_value(const Node& node, const Key& key, std::map<int, CpuId>& to, Sink& sink) {
  to.clear();
  read_entries(node, key, sink, [&](const Entry& entry) {
    const auto vcpu = small_number(entry.key);
    const auto cpu = small_number(entry.value.text);
    if (!vcpu || !cpu) return sink.refuse(entry.value, "wrong-type", wanted(key), entry.key);
    to[*vcpu] = CpuId(*cpu);
  });
}

void read_value(const Node& node, const Key& key, std::map<std::string, std::string>& to,
                Sink& sink) {
  read_entries(node, key, sink, [&](const Entry& entry) { to[entry.key] = entry.value.text; });
}

void read_value(const Node& node, const Key& key, std::map<std::string, CpuSet>& to, Sink& sink) {
  to.clear();
  read_entries(node, key, sink, [&](const Entry& entry) {
    const auto set = CpuSet::from_list(entry.value.text);
    if (!set || set->empty())
      return sink.refuse(entry.value, "wrong-type", "an ID-set such as 0,2,4-7", entry.key);
    to[entry.key] = *set;
  });
}

void read_value(const Node& node, const Key& key,
                std::map<std::string, partition::ConflictRule>& to, Sink& sink) {
  const Key rule{.name = key.name, .type = Type::choice, .allowed = "configure|refuse|warn"};
  read_entries(node, key, sink, [&](const Entry& entry) {
    std::string known;
    for (const auto& [program, ignored] : to) known += (known.empty() ? "" : ", ") + program;
    if (!to.contains(entry.key))
      return sink.say(entry.value, "unknown-key",
                      fmt::format("no rule for '{}'; allowed: {}", entry.key, known), entry.key);
    read_value(entry.value, rule, to[entry.key], sink);
  });
}

Node write_value(const Key& /*key*/, const CpuSet& value) { return Node::string(value.list()); }
Node write_value(const Key& /*key*/, const NodeSet& value) { return Node::string(value.list()); }
Node write_value(const Key& /*key*/, const Choice<CpuSet>& value) { return write_choice(value); }
Node write_value(const Key& /*key*/, const Choice<NodeSet>& value) { return write_choice(value); }

Node write_value(const Key& /*key*/, const std::vector<int>& value) {
  CpuSet set;
  for (const int id : value) set.insert(CpuId(id));
  return Node::string(set.list());
}

Node write_value(const Key& /*key*/, const std::vector<std::string>& value) {
  Node list = Node::list();
  for (const std::string& text : value) list.items.push_back(Node::string(text));
  return list;
}

Node write_value(const Key& /*key*/, const std::map<int, CpuId>& value) {
  Node map = Node::map();
  for (const auto& [vcpu, cpu] : value)
    map.at(std::to_string(vcpu)) = Node::plain(std::to_string(cpu.value()));
  return map;
}

Node write_value(const Key& /*key*/, const std::map<std::string, std::string>& value) {
  Node map = Node::map();
  for (const auto& [name, text] : value) map.at(name) = Node::string(text);
  return map;
}

Node write_value(const Key& /*key*/, const std::map<std::string, CpuSet>& value) {
  Node map = Node::map();
  for (const auto& [name, set] : value) map.at(name) = Node::string(set.list());
  return map;
}

Node write_value(const Key& key, const std::map<std::string, partition::ConflictRule>& value) {
  Node map = Node::map();
  for (const auto& [name, rule] : value) map.at(name) = write_value(key, rule);
  return map;
}

}  // namespace kvmrt::profiles
