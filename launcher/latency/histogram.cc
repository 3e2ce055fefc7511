// SPDX-License-Identifier: MIT
#include "launcher/latency/histogram.h"

#include <cmath>

namespace kvmrt::launcher::latency {

void Histogram::add(std::int64_t us, std::uint64_t count) {
  if (count == 0) return;
  counts_[us] += count;
  total_ += count;
}

std::int64_t Histogram::least() const { return empty() ? 0 : counts_.begin()->first; }

std::int64_t Histogram::greatest() const { return empty() ? 0 : counts_.rbegin()->first; }

double Histogram::mean() const {
  if (empty()) return 0;
  double sum = 0;
  for (const auto& [us, count] : counts_)
    sum += static_cast<double>(us) * static_cast<double>(count);
  return sum / static_cast<double>(total_);
}

std::int64_t Histogram::quantile(double part) const {
  const auto wanted =
      static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(total_) - 1e-9));
  std::uint64_t seen = 0;
  for (const auto& [us, count] : counts_) {
    seen += count;
    if (seen >= wanted) return us;
  }
  return greatest();
}

std::uint64_t Histogram::at_least(std::int64_t us) const {
  std::uint64_t late = 0;
  for (auto at = counts_.lower_bound(us); at != counts_.end(); ++at) late += at->second;
  return late;
}

}  // namespace kvmrt::launcher::latency
