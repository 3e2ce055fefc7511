// SPDX-License-Identifier: MIT
// Whether bytes are text at all, and where in it a byte stands.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace kvmrt::profiles {

struct TextPlace {
  int line;    ///< from 1
  int column;  ///< in bytes, from 1
};

/// The length of the UTF-8 sequence at `at`, 0 when it is none (overlong and surrogates included).
std::size_t utf8_length(std::string_view text, std::size_t at);

/// The first byte that is no UTF-8 or a control character other than tab and line ends.
std::optional<std::size_t> first_bad_text(std::string_view text);

TextPlace place_at(std::string_view text, std::size_t offset);

}  // namespace kvmrt::profiles
