// SPDX-License-Identifier: MIT
// Node to C++ value and back, one pair of functions per C++ type. Reading leaves the target alone
// when the node is refused; what is wrong goes to the Sink.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partition/policy.h"
#include "profiles/key.h"
#include "profiles/node.h"
#include "profiles/profile.h"

namespace kvmrt::profiles {

/// Takes the refusals of one key's value.
class Sink {
 public:
  Sink(Problems& problems, std::string vm, std::string key, std::string folder)
      : problems_(problems), vm_(std::move(vm)), key_(std::move(key)), folder_(std::move(folder)) {}

  /// "found 'x'; allowed: …". `below` names a key inside the value: "pit", "[2]".
  void refuse(const Node& found, std::string code, const std::string& allowed,
              const std::string& below = {});
  void say(const Node& found, std::string code, std::string message, const std::string& below = {});
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  Problems& problems_;
  std::string vm_;
  std::string key_;
  std::string folder_;
};

std::optional<bool> parse_bool(std::string_view text);
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
bool is_uuid(std::string_view text);
bool is_vm_name(std::string_view text);

void read_value(const Node& node, const Key& key, std::string& to, Sink& sink);
void read_value(const Node& node, const Key& key, int& to, Sink& sink);
void read_value(const Node& node, const Key& key, bool& to, Sink& sink);
void read_value(const Node& node, const Key& key, Bytes& to, Sink& sink);
void read_value(const Node& node, const Key& key, std::chrono::seconds& to, Sink& sink);
void read_value(const Node& node, const Key& key, CpuSet& to, Sink& sink);
void read_value(const Node& node, const Key& key, NodeSet& to, Sink& sink);
void read_value(const Node& node, const Key& key, Choice<CpuSet>& to, Sink& sink);
void read_value(const Node& node, const Key& key, Choice<NodeSet>& to, Sink& sink);
void read_value(const Node& node, const Key& key, std::vector<int>& to, Sink& sink);
void read_value(const Node& node, const Key& key, std::vector<std::string>& to, Sink& sink);
void read_value(const Node& node, const Key& key, std::map<int, CpuId>& to, Sink& sink);
void read_value(const Node& node, const Key& key, std::map<std::string, std::string>& to,
                Sink& sink);
void read_value(const Node& node, const Key& key, std::map<std::string, CpuSet>& to, Sink& sink);
void read_value(const Node& node, const Key& key,
                std::map<std::string, partition::ConflictRule>& to, Sink& sink);

Node write_value(const Key& key, const std::string& value);
Node write_value(const Key& key, int value);
Node write_value(const Key& key, bool value);
Node write_value(const Key& key, Bytes value);
Node write_value(const Key& key, std::chrono::seconds value);
Node write_value(const Key& key, const CpuSet& value);
Node write_value(const Key& key, const NodeSet& value);
Node write_value(const Key& key, const Choice<CpuSet>& value);
Node write_value(const Key& key, const Choice<NodeSet>& value);
Node write_value(const Key& key, const std::vector<int>& value);
Node write_value(const Key& key, const std::vector<std::string>& value);
Node write_value(const Key& key, const std::map<int, CpuId>& value);
Node write_value(const Key& key, const std::map<std::string, std::string>& value);
Node write_value(const Key& key, const std::map<std::string, CpuSet>& value);
Node write_value(const Key& key, const std::map<std::string, partition::ConflictRule>& value);

/// The words of an enum, in the order of its values.
constexpr std::string_view enum_words(partition::Policy /*tag*/) { return "other|fifo|rr"; }
constexpr std::string_view enum_words(Promote /*tag*/) { return "before-start|after-boot"; }
constexpr std::string_view enum_words(Lifecycle::Action /*tag*/) { return "end|restart|pause"; }
constexpr std::string_view enum_words(partition::SiblingRule /*tag*/) {
  return "at-start|at-boot|leave";
}
constexpr std::string_view enum_words(partition::DisturbRule /*tag*/) { return "warn|refuse"; }
constexpr std::string_view enum_words(partition::Throttling /*tag*/) { return "keep|off"; }
constexpr std::string_view enum_words(partition::ConflictRule /*tag*/) {
  return "configure|refuse|warn";
}

/// The index of the node's word among `words` when the key allows it; else refused.
std::optional<int> read_word(const Node& node, const Key& key, std::string_view words, Sink& sink);

template <class Enum>
requires std::is_enum_v<Enum>
void read_value(const Node& node, const Key& key, Enum& to, Sink& sink) {
  if (const auto index = read_word(node, key, enum_words(to), sink)) to = static_cast<Enum>(*index);
}

template <class Enum>
requires std::is_enum_v<Enum> Node write_value(const Key& /*key*/, Enum value) {
  return Node::string(std::string(words_of(enum_words(value)).at(static_cast<std::size_t>(value))));
}

/// Whether the node is the word for "no value" of an optional key.
bool is_absence(const Node& node, const Key& key);

template <class T>
void read_value(const Node& node, const Key& key, std::optional<T>& to, Sink& sink) {
  if (is_absence(node, key)) {
    to.reset();
    return;
  }
  T value{};
  read_value(node, key, value, sink);
  to = std::move(value);
}

template <class T>
Node write_value(const Key& key, const std::optional<T>& value) {
  return value ? write_value(key, *value) : Node::plain(std::string(key.word));
}

}  // namespace kvmrt::profiles
