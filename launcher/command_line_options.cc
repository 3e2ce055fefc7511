// SPDX-License-Identifier: MIT
#include "launcher/command_line_options.h"

#include <array>
#include <utility>

namespace kvmrt::launcher {

Options::Options(std::string_view first) : text_(escaped(first)) {}

Options Options::verbatim(std::string text) {
  Options options;
  options.text_ = std::move(text);
  return options;
}

Options& Options::set(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_ += ',';
  text_ += key;
  text_ += '=';
  text_ += escaped(value);
  return *this;
}

Options& Options::set(std::string_view key, int value) { return set(key, std::to_string(value)); }
Options& Options::on(std::string_view key) { return set(key, "on"); }
Options& Options::off(std::string_view key) { return set(key, "off"); }

std::string escaped(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  for (const char c : value) {
    text += c;
    if (c == ',') text += c;
  }
  return text;
}

std::string size_text(Bytes size) {
  constexpr std::array<std::pair<unsigned, char>, 3> kUnits{{{30, 'G'}, {20, 'M'}, {10, 'K'}}};
  const std::uint64_t count = size.count();
  for (const auto& [shift, unit] : kUnits) {
    if (count != 0 && count % (1ULL << shift) == 0) return std::to_string(count >> shift) + unit;
  }
  return std::to_string(count) + 'B';
}

}  // namespace kvmrt::launcher
