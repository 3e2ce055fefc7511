// SPDX-License-Identifier: MIT
// How often a wake-up came how late. Whole microseconds, rounded down. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace kvmrt::launcher::latency {

class Histogram {
 public:
  void add(std::int64_t us, std::uint64_t count = 1);

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] bool empty() const { return total_ == 0; }
  [[nodiscard]] std::int64_t least() const;  ///< 0 when empty, as all the others
  [[nodiscard]] std::int64_t greatest() const;
  [[nodiscard]] double mean() const;
  /// The smallest latency that at least `part` (0..1) of the wake-ups did not exceed.
  [[nodiscard]] std::int64_t quantile(double part) const;
  /// Wake-ups that came so late or later.
  [[nodiscard]] std::uint64_t at_least(std::int64_t us) const;
  [[nodiscard]] const std::map<std::int64_t, std::uint64_t>& counts() const { return counts_; }
  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::map<std::int64_t, std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

}  // namespace kvmrt::launcher::latency
