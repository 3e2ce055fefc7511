// SPDX-License-Identifier: MIT
#include "profiles/reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

constexpr std::size_t kMostItems = 1024;

std::string below(const std::string& section, std::string_view name) {
  return section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
}

class Reader {
 public:
  Reader(const Table& table, void* root, Reading& reading)
      : table_(table), root_(root), reading_(reading) {}

  /// `key` has indexes ("disks[0]"), `row` has none ("disks[]").
  void map(const Node& node, const std::string& key, const std::string& row) {
    for (const Entry& entry : node.entries)
      one(entry, below(key, entry.key), below(row, entry.key), row);
  }

  void set_index(std::size_t index) { index_ = index; }

 private:
  void one(const Entry& entry, const std::string& key, const std::string& row,
           const std::string& section) {
    const Field* field = find_field(table_, row);
    const bool has_rows = is_section(table_, row);
    if (field == nullptr && !has_rows) return unknown(entry, key, section);
    record(entry.value, key);
    if (entry.value.is_null()) return;
    if (field != nullptr && field->resize != nullptr) return list(entry.value, key, row, *field);
    if (has_rows) return nested(entry.value, key, row, field);
    leaf(entry.value, key, *field);
  }

  void leaf(const Node& node, const std::string& key, const Field& field) {
    Sink sink(reading_.problems, reading_.vm, key, reading_.folder);
    field.read(node, field.key, root_, index_, sink);
  }

  void nested(const Node& node, const std::string& key, const std::string& row,
              const Field* field) {
    if (node.is_map()) return map(node, key, row);
    if (node.is_scalar() && field != nullptr && !field->key.short_for.empty()) {
      if (const Field* stands_for = find_field(table_, field->key.short_for))
        return leaf(node, key, *stands_for);
    }
    Sink(reading_.problems, reading_.vm, key, "").refuse(node, "wrong-type", keys_of(row));
  }

  void list(const Node& node, const std::string& key, const std::string& row, const Field& field) {
    Sink sink(reading_.problems, reading_.vm, key, "");
    if (!node.is_list() || node.items.size() > kMostItems)
      return sink.refuse(node, node.is_list() ? "out-of-range" : "wrong-type",
                         fmt::format("a list of at most {} maps", kMostItems));
    field.resize(root_, node.items.size());
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = node.items[i];
      const std::string item_key = fmt::format("{}[{}]", key, i);
      set_index(i);
      if (item.is_map()) {
        map(item, item_key, row + "[]");
      } else if (item.is_scalar() && !field.key.short_for.empty()) {
        leaf(item, item_key, *find_field(table_, field.key.short_for));
      } else {
        sink.refuse(item, "wrong-type", keys_of(row + "[]"), fmt::format("[{}]", i));
      }
      require(item, item_key, row + "[]");
    }
    set_index(0);
  }

  void require(const Node& item, const std::string& key, const std::string& row) {
    if (!item.is_map()) return;
    for (const Field& field : table_) {
      if (!field.key.required || parent_of(field.key.name) != row) continue;
      const Node* found = item.find(leaf_of(field.key.name));
      if (found != nullptr && !found->is_null()) continue;
      Sink(reading_.problems, reading_.vm, below(key, leaf_of(field.key.name)), "")
          .say(item, "missing-key", fmt::format("missing; wanted: {}", wanted(field.key)));
    }
  }

  void unknown(const Entry& entry, const std::string& key, const std::string& section) {
    Node at;
    at.place = entry.place;
    Sink sink(reading_.problems, reading_.vm, key, "");
    sink.say(at, "unknown-key", fmt::format("there is no key '{}'", entry.key));
    reading_.problems.back().hint = suggestion(table_, section, entry.key);
    if (reading_.problems.back().hint.empty())
      reading_.problems.back().message += fmt::format("; allowed here: {}", keys_of(section));
  }

  [[nodiscard]] std::string keys_of(const std::string& section) const {
    std::string text;
    for (const std::string& name : names_below(table_, section))
      text += fmt::format("{}{}", text.empty() ? "" : ", ", leaf_of(name));
    return section.empty() ? text : fmt::format("a map of {}", text);
  }

  void record(const Node& node, const std::string& key) {
    reading_.places[key] = node.place;
    for (const Entry& entry : node.entries) record(entry.value, below(key, entry.key));
    for (std::size_t i = 0; i < node.items.size(); ++i)
      record(node.items[i], fmt::format("{}[{}]", key, i));
  }

  const Table& table_;
  void* root_;
  Reading& reading_;
  std::size_t index_ = 0;
};

/// The node for a dotted name, made on the way: "realtime.emulator.policy".
Node& place_in(Node& root, std::string_view name) {
  const std::size_t dot = name.find('.');
  Node& here = root.at(name.substr(0, dot));
  return dot == std::string_view::npos ? here : place_in(here, name.substr(dot + 1));
}

Node write_items(const Table& table, const Field& list, const void* root) {
  const std::string prefix = std::string(list.key.name) + "[].";
  Node items = Node::list();
  for (std::size_t i = 0; i < list.size(root); ++i) {
    Node item = Node::map();
    for (const Field& field : table) {
      if (field.key.name.starts_with(prefix))
        place_in(item, field.key.name.substr(prefix.size())) = field.write(field.key, root, i);
    }
    items.items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

void read_fields(const Table& table, const Node& document, void* root, Reading& reading) {
  Reader(table, root, reading).map(document, "", "");
}

Node write_fields(const Table& table, const void* root) {
  Node document = Node::map();
  for (const Field& field : table) {
    if (field.key.name.find("[]") != std::string_view::npos) continue;
    if (field.size != nullptr) {
      place_in(document, field.key.name) = write_items(table, field, root);
    } else if (field.write != nullptr) {
      place_in(document, field.key.name) = field.write(field.key, root, 0);
    }
  }
  return document;
}

}  // namespace kvmrt::profiles
