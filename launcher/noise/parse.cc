// SPDX-License-Identifier: MIT
#include "launcher/noise/parse.h"

#include <charconv>
#include <vector>

#include "base/file.h"

namespace kvmrt::launcher::noise {
namespace {

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<CpuId> columns_of(std::string_view heading) {
  std::vector<CpuId> cpus;
  for (const std::string_view field : fields_of(heading)) {
    if (field.starts_with("CPU")) cpus.emplace_back(number_of<int>(field.substr(3)).value_or(-1));
  }
  return cpus;
}

std::string joined(const std::vector<std::string_view>& fields, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < fields.size(); ++i) {
    if (!text.empty()) text += ' ';
    text += fields[i];
  }
  return text;
}

bool is_trigger(std::string_view field) {
  return field.ends_with("-edge") || field.ends_with("-level") || field.ends_with("-fasteoi");
}

/// What stands behind the counts. Of a numbered row only its actions: chip and line number tell a
/// user less than "eth0" does.
std::string source_of(std::string_view row, const std::vector<std::string_view>& fields,
                      std::size_t first) {
  std::string name(row);
  std::size_t from = first;
  if (number_of<int>(row)) {
    for (std::size_t i = first; i < fields.size(); ++i) {
      if (is_trigger(fields[i])) from = i + 1;
    }
  }
  if (const std::string rest = joined(fields, from); !rest.empty()) name += " " + rest;
  return name;
}

CountsByCpu parse_rows(std::string_view text, const partition::CpuSet& cpus) {
  CountsByCpu counts;
  for (const CpuId cpu : cpus.members()) counts[cpu];
  std::vector<CpuId> columns;
  for (const std::string_view line : lines_of(text)) {
    if (columns.empty()) {
      columns = columns_of(line);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto fields = fields_of(line.substr(colon + 1));
    if (fields.size() < columns.size()) continue;  // ERR, MIS
    const std::string source = source_of(trimmed(line.substr(0, colon)), fields, columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto count = number_of<std::uint64_t>(fields[i]);
      if (count && *count > 0 && cpus.has(columns[i])) counts[columns[i]][source] = *count;
    }
  }
  return counts;
}

}  // namespace

CountsByCpu parse_interrupts(std::string_view text, const partition::CpuSet& cpus) {
  return parse_rows(text, cpus);
}

CountsByCpu parse_softirqs(std::string_view text, const partition::CpuSet& cpus) {
  return parse_rows(text, cpus);
}

std::optional<std::chrono::nanoseconds> parse_longest_wait(std::string_view sched) {
  for (const std::string_view line : lines_of(sched)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon));
    if (key != "wait_max" && key != "se.statistics.wait_max") continue;
    const auto ms = number_of<double>(trimmed(line.substr(colon + 1)));
    if (!ms) return std::nullopt;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(*ms * 1e6 + 0.5));
  }
  return std::nullopt;
}

}  // namespace kvmrt::launcher::noise
