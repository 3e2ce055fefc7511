// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace kvmrt {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};

constexpr std::array kUnits{Unit{"TiB", 40}, Unit{"GiB", 30}, Unit{"MiB", 20}, Unit{"KiB", 10}};

std::optional<unsigned> shift_of(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  for (const Unit& known : kUnits) {
    if (unit == known.name || unit == known.name.substr(0, 1)) return known.shift;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  const auto shift = shift_of(unit);
  if (!shift || number > (std::numeric_limits<std::uint64_t>::max() >> *shift)) return std::nullopt;
  return Bytes(number << *shift);
}

std::string to_string(Bytes bytes) {
  for (const Unit& unit : kUnits) {
    const std::uint64_t size = std::uint64_t{1} << unit.shift;
    if (bytes.count() >= size && bytes.count() % size == 0)
      return std::to_string(bytes.count() / size) + std::string(unit.name);
  }
  return std::to_string(bytes.count()) + "B";
}

}  // namespace kvmrt
