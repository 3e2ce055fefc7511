// SPDX-License-Identifier: MIT
// An amount of memory. Text form: a whole number and an optional unit (B, K/KiB, M/MiB, G/GiB,
// T/TiB; all binary, as QEMU's -m reads them).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvmrt {

class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(std::uint64_t count) : count_(count) {}
  [[nodiscard]] constexpr std::uint64_t count() const { return count_; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes(a.count_ + b.count_); }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes(a.count_ - b.count_); }

 private:
  std::uint64_t count_ = 0;
};

constexpr Bytes kib(std::uint64_t n) { return Bytes(n << 10U); }
constexpr Bytes mib(std::uint64_t n) { return Bytes(n << 20U); }
constexpr Bytes gib(std::uint64_t n) { return Bytes(n << 30U); }

/// "2GiB", "512 MiB", "4096" (bytes); nothing for anything else, a fraction or an overflow.
std::optional<Bytes> parse_bytes(std::string_view text);

/// The largest unit that divides it exactly: "2GiB", "1536MiB", "17B".
std::string to_string(Bytes bytes);

}  // namespace kvmrt
