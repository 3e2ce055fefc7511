// SPDX-License-Identifier: MIT
#include "profiles/codec.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <utility>

namespace kvmrt::profiles {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

std::optional<long long> parse_number(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "1..99"; without one, the whole range of int.
std::pair<long long, long long> range_of(std::string_view allowed) {
  const std::size_t dots = allowed.find("..");
  if (dots == std::string_view::npos)
    return {std::numeric_limits<int>::min(), std::numeric_limits<int>::max()};
  const auto high = parse_number(allowed.substr(dots + 2));
  return {parse_number(allowed.substr(0, dots)).value_or(0),
          high.value_or(std::numeric_limits<int>::max())};
}

std::string resolved_path(const std::string& text, const std::string& folder) {
  const bool is_url = text.find("://") != std::string::npos;
  if (text.empty() || text.front() == '/' || is_url || folder.empty()) return text;
  return (std::filesystem::path(folder) / text).lexically_normal().string();
}

void read_device(const Node& node, const Key& key, std::string& to, Sink& sink) {
  const auto truth = parse_bool(node.text);
  if (node.text.empty() || node.text == "none" || (truth && !*truth)) {
    to.clear();
  } else if (truth && !key.allowed.empty()) {
    to = words_of(key.allowed).front();
  } else if (key.allowed.empty() || is_word_of(key.allowed, node.text)) {
    to = truth ? "on" : node.text;
  } else {
    sink.refuse(node, "out-of-range", wanted(key));
  }
}

}  // namespace

void Sink::say(const Node& found, std::string code, std::string message, const std::string& below) {
  const bool joins = below.empty() || below.front() == '[';
  problems_.push_back({Severity::error, std::move(code), vm_,
                       joins ? key_ + below : key_ + "." + below, std::move(message), "",
                       found.place});
}

void Sink::refuse(const Node& found, std::string code, const std::string& allowed,
                  const std::string& below) {
  say(found, std::move(code), fmt::format("found {}; allowed: {}", described(found), allowed),
      below);
}

std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(text);
  if (word == "true" || word == "on" || word == "yes" || word == "1") return true;
  if (word == "false" || word == "off" || word == "no" || word == "0") return false;
  return std::nullopt;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr long long kLongest = 366LL * 24 * 3600;
  if (error != std::errc{} || number < 0 || number > kLongest * 1000) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit == "ms") {
    if (number % 1000 != 0) return std::nullopt;
    number /= 1000;
  } else if (unit == "min" || unit == "m") {
    number *= 60;
  } else if (unit == "h") {
    number *= 3600;
  } else if (!unit.empty() && unit != "s") {
    return std::nullopt;
  }
  if (number > kLongest) return std::nullopt;
  return std::chrono::seconds(number);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = lower(text[i]);
    if (dash ? c != '-' : !is_digit(c) && (c < 'a' || c > 'f')) return false;
  }
  return true;
}

bool is_vm_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  if (!is_digit(text.front()) && !is_letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || is_letter(c) || c == '.' || c == '_' || c == '-';
  });
}

std::optional<int> read_word(const Node& node, const Key& key, std::string_view words, Sink& sink) {
  if (!node.is_scalar()) {
    sink.refuse(node, "wrong-type", wanted(key));
    return std::nullopt;
  }
  const std::string word = lower(node.text);
  const auto all = words_of(words);
  const auto found = std::find(all.begin(), all.end(), word);
  if (found == all.end() || (!key.allowed.empty() && !is_word_of(key.allowed, word))) {
    sink.refuse(node, "out-of-range", wanted(key));
    return std::nullopt;
  }
  return static_cast<int>(found - all.begin());
}

bool is_absence(const Node& node, const Key& key) {
  if (!node.is_scalar()) return false;
  if (node.text == key.word || node.text.empty()) return true;
  const auto truth = parse_bool(key.word);
  return truth && parse_bool(node.text) == truth && !is_digit(node.text.front());
}

void read_value(const Node& node, const Key& key, std::string& to, Sink& sink) {
  if (!node.is_scalar()) return sink.refuse(node, "wrong-type", wanted(key));
  switch (key.type) {
    case Type::name:
      if (!is_vm_name(node.text)) return sink.refuse(node, "bad-name", wanted(key));
      to = node.text;
      break;
    case Type::uuid:
      if (!is_uuid(node.text)) return sink.refuse(node, "wrong-type", wanted(key));
      to = lower(node.text);
      break;
    case Type::device:
      read_device(node, key, to, sink);
      break;
    case Type::choice:
      if (!is_word_of(key.allowed, node.text) && !(node.text.empty() && key.word == "\"\""))
        return sink.refuse(node, "out-of-range", wanted(key));
      to = node.text;
      break;
    case Type::path:
      to = is_word_of(key.allowed, node.text) ? node.text : resolved_path(node.text, sink.folder());
      break;
    case Type::program:
      to = node.text.find('/') == std::string::npos ? node.text
                                                    : resolved_path(node.text, sink.folder());
      break;
    default:
      to = node.text;
  }
}

void read_value(const Node& node, const Key& key, int& to, Sink& sink) {
  if (!node.is_scalar()) return sink.refuse(node, "wrong-type", wanted(key));
  const auto number = parse_number(node.text);
  if (!number) return sink.refuse(node, "wrong-type", wanted(key));
  const auto [low, high] = range_of(key.allowed);
  if (*number < low || *number > high) return sink.refuse(node, "out-of-range", wanted(key));
  to = static_cast<int>(*number);
}

void read_value(const Node& node, const Key& key, bool& to, Sink& sink) {
  if (key.type == Type::choice) {  // two words, the first one means true
    if (const auto index = read_word(node, key, key.allowed, sink)) to = *index == 0;
    return;
  }
  const auto truth = node.is_scalar() ? parse_bool(node.text) : std::nullopt;
  if (!truth) return sink.refuse(node, "wrong-type", wanted(key));
  to = *truth;
}

void read_value(const Node& node, const Key& key, Bytes& to, Sink& sink) {
  const auto bytes = node.is_scalar() ? parse_bytes(node.text) : std::nullopt;
  if (!bytes) return sink.refuse(node, "wrong-type", wanted(key));
  if (!key.allowed.empty() && !is_word_of(key.allowed, to_string(*bytes)))
    return sink.refuse(node, "out-of-range", wanted(key));
  constexpr Bytes kMost = gib(1U << 20U);
  if (bytes->count() == 0 || *bytes > kMost) return sink.refuse(node, "out-of-range", wanted(key));
  to = *bytes;
}

void read_value(const Node& node, const Key& key, std::chrono::seconds& to, Sink& sink) {
  if (key.type == Type::integer) {
    int count = static_cast<int>(to.count());
    read_value(node, key, count, sink);
    to = std::chrono::seconds(count);
    return;
  }
  const auto duration = node.is_scalar() ? parse_duration(node.text) : std::nullopt;
  if (!duration) return sink.refuse(node, "wrong-type", wanted(key));
  to = *duration;
}

Node write_value(const Key& key, const std::string& value) {
  return Node::string(value.empty() && key.type == Type::device ? "off" : value);
}

Node write_value(const Key& /*key*/, int value) { return Node::plain(std::to_string(value)); }
Node write_value(const Key& /*key*/, Bytes value) { return Node::plain(to_string(value)); }

Node write_value(const Key& key, bool value) {
  if (key.type == Type::choice)
    return Node::string(std::string(words_of(key.allowed).at(value ? 0 : 1)));
  return Node::plain(value ? "true" : "false");
}

Node write_value(const Key& key, std::chrono::seconds value) {
  if (key.type == Type::integer) return Node::plain(std::to_string(value.count()));
  return Node::plain(std::to_string(value.count()) + "s");
}

}  // namespace kvmrt::profiles
