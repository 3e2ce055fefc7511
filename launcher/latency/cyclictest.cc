// SPDX-License-Identifier: MIT
#include "launcher/latency/cyclictest.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "base/file.h"

namespace kvmrt::launcher::latency {
namespace {

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "000012 000345 000001"; nothing for any other line.
std::vector<std::int64_t> numbers_in(std::string_view line) {
  std::vector<std::int64_t> numbers;
  for (const std::string_view field : fields_of(line)) {
    const auto number = number_of(field);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

/// "# Max Latencies: 00012 00345": one number for each thread.
std::vector<std::int64_t> numbers_after(std::string_view text, std::string_view label) {
  for (const std::string_view line : lines_of(text)) {
    const auto at = line.find(label);
    if (at != std::string_view::npos) return numbers_in(trimmed(line.substr(at + label.size())));
  }
  return {};
}

/// Those whose bucket did not exist came at most as late as the thread's maximum.
void add_overflows(std::vector<Series>& series, std::string_view text) {
  const auto overflows = numbers_after(text, "# Histogram Overflows:");
  const auto most = numbers_after(text, "# Max Latencies:");
  for (std::size_t i = 0; i < series.size() && i < overflows.size() && i < most.size(); ++i)
    series[i].histogram.add(most[i], static_cast<std::uint64_t>(overflows[i]));
}

}  // namespace

std::vector<Series> parse_cyclictest(std::string_view text, const std::string& where,
                                     const std::vector<int>& cpus) {
  const auto begin = text.find("# Histogram\n");
  const auto begin_serial = text.find("# Histogram\r");
  const auto from = std::min(begin, begin_serial);
  if (from == std::string_view::npos) throw std::runtime_error("no histogram of cyclictest");
  std::vector<Series> series;
  for (const std::string_view line : lines_of(text.substr(from))) {
    if (line.find("# Total:") != std::string_view::npos) break;
    const auto numbers = numbers_in(trimmed(line));
    if (numbers.size() < 2) continue;
    while (series.size() < numbers.size() - 1) {
      const std::size_t thread = series.size();
      const int cpu = thread < cpus.size() ? cpus[thread] : static_cast<int>(thread);
      series.push_back({where, cpu, {}});
    }
    for (std::size_t i = 1; i < numbers.size(); ++i)
      series[i - 1].histogram.add(numbers[0], static_cast<std::uint64_t>(numbers[i]));
  }
  add_overflows(series, text);
  if (series.empty()) throw std::runtime_error("cyclictest's histogram is empty");
  return series;
}

}  // namespace kvmrt::launcher::latency
