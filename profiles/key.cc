// SPDX-License-Identifier: MIT
#include "profiles/key.h"

#include <algorithm>
#include <fmt/format.h>

namespace kvmrt::profiles {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string type_words(const Key& key) {
  switch (key.type) {
    case Type::text:
      return "a text";
    case Type::name:
      return "at most 64 letters, digits, '.', '_' and '-', the first a letter or digit";
    case Type::path:
      return "a path";
    case Type::program:
      return "a program";
    case Type::integer:
      return key.allowed.empty() ? "a whole number" : fmt::format("a whole number {}", key.allowed);
    case Type::boolean:
      return "true or false";
    case Type::id_set:
      return "an ID-set such as 0,2,4-7";
    case Type::bytes:
      return "an amount of memory such as 512MiB or 2GiB";
    case Type::duration:
      return "a duration such as 20s or 2min";
    case Type::uuid:
      return "a UUID";
    case Type::topology:
      return "auto, S,C,T or {sockets, cores, threads}";
    case Type::texts:
      return "a list of texts";
    case Type::map:
      return "a map";
    case Type::section:
      return "a map of keys";
    case Type::list:
      return "a list of maps";
    case Type::choice:
    case Type::device:
      return "";
  }
  return "";
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view alternatives) {
  std::vector<std::string_view> words;
  while (!alternatives.empty()) {
    const std::size_t cut = std::min(alternatives.find('|'), alternatives.size());
    words.push_back(alternatives.substr(0, cut));
    alternatives.remove_prefix(std::min(cut + 1, alternatives.size()));
  }
  return words;
}

bool is_word_of(std::string_view alternatives, std::string_view word) {
  const auto words = words_of(alternatives);
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string wanted(const Key& key) {
  std::vector<std::string> words;
  if (!key.word.empty()) words.emplace_back(key.word);
  const bool has_words = key.type != Type::integer && key.type != Type::map;
  if (has_words) {
    for (const std::string_view word : words_of(key.allowed)) words.emplace_back(word);
  }
  if (std::string type = type_words(key); !type.empty()) words.push_back(std::move(type));
  if (key.type == Type::device) words.emplace_back(words.empty() ? "off or a model" : "off");
  if (key.type == Type::map && !key.allowed.empty()) return fmt::format("a map of {}", key.allowed);
  return joined(words);
}

std::string_view leaf_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

}  // namespace kvmrt::profiles
