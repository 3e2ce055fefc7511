// SPDX-License-Identifier: MIT
#include "profiles/import/draft.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/file.h"

namespace kvmrt::profiles::import {
namespace {

Node& node_at(Node& root, std::string_view key) {
  const std::size_t dot = key.find('.');
  Node& here = root.at(key.substr(0, dot));
  return dot == std::string_view::npos ? here : node_at(here, key.substr(dot + 1));
}

}  // namespace

void Draft::text(std::string_view key, const std::string& value) {
  if (!value.empty()) node_at(document, key) = Node::string(value);
}

void Draft::plain(std::string_view key, const std::string& value) {
  node_at(document, key) = Node::plain(value);
}

void Draft::node(std::string_view key, Node value) { node_at(document, key) = std::move(value); }

Node& Draft::list(std::string_view key) {
  Node& node = node_at(document, key);
  if (!node.is_list()) node = Node::list();
  return node;
}

bool Draft::has(std::string_view key) const { return document.find(key) != nullptr; }

void Draft::warn(std::string code, std::string key, std::string message) {
  problems.push_back({Severity::warning,
                      std::move(code),
                      "",
                      std::move(key),
                      std::move(message),
                      "",
                      {source_, 0, 0}});
}

void Draft::refuse(std::string code, std::string key, std::string message) {
  problems.push_back({Severity::error,
                      std::move(code),
                      "",
                      std::move(key),
                      std::move(message),
                      "",
                      {source_, 0, 0}});
}

std::optional<Bytes> amount_of(const std::string& number, const std::string& unit) {
  struct Unit {
    std::string_view name;
    std::uint64_t size;
  };
  constexpr std::array kUnits{Unit{"", 1024},
                              Unit{"b", 1},
                              Unit{"bytes", 1},
                              Unit{"KB", 1000},
                              Unit{"k", 1024},
                              Unit{"KiB", 1024},
                              Unit{"MB", 1000000},
                              Unit{"M", 1U << 20U},
                              Unit{"MiB", 1U << 20U},
                              Unit{"GB", 1000000000},
                              Unit{"G", 1U << 30U},
                              Unit{"GiB", 1U << 30U},
                              Unit{"TB", 1000000000000},
                              Unit{"T", 1ULL << 40U},
                              Unit{"TiB", 1ULL << 40U}};
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() / known.size) return std::nullopt;
    return Bytes(count * known.size);
  }
  return std::nullopt;
}

std::optional<int> number_of(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::optional<partition::CpuSet> cpus_of(const std::string& text) {
  partition::CpuSet cpus;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view part = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const bool excludes = part.starts_with("^");
    if (excludes) part.remove_prefix(1);
    const auto set = partition::CpuSet::from_list(part);
    if (!set || set->empty()) return std::nullopt;
    excludes ? cpus -= * set : cpus |= *set;
  }
  return cpus;
}

}  // namespace kvmrt::profiles::import
