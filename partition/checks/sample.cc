// SPDX-License-Identifier: MIT
#include "partition/checks/sample.h"

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

/// Lines "CPU COUNT".
std::map<CpuId, long long> counts_by_cpu(std::string_view text) {
  std::map<CpuId, long long> counts;
  for (const std::string_view line : lines_of(text)) {
    const auto fields = fields_of(line);
    if (fields.size() != 2) continue;
    counts[CpuId(static_cast<int>(to_number(fields[0]).value_or(-1)))] =
        to_number(fields[1]).value_or(0);
  }
  return counts;
}

std::vector<CpuId> columns_of(std::string_view heading) {
  std::vector<CpuId> cpus;
  for (const std::string_view field : fields_of(heading)) {
    if (field.starts_with("CPU"))
      cpus.emplace_back(static_cast<int>(to_number(field.substr(3)).value_or(-1)));
  }
  return cpus;
}

}  // namespace

long long sample_seconds(const HostView& host) {
  return number_of(host, "/kvmrt/sample/seconds").value_or(0);
}

std::optional<std::map<CpuId, long long>> smi_deltas(const HostView& host) {
  const FileText before = host.read("/kvmrt/sample/smi_before");
  const FileText after = host.read("/kvmrt/sample/smi_after");
  if (sample_seconds(host) == 0 || !before.ok() || !after.ok()) return std::nullopt;
  auto deltas = counts_by_cpu(after.text);
  for (const auto& [cpu, count] : counts_by_cpu(before.text)) deltas[cpu] -= count;
  return deltas;
}

InterruptCounts parse_interrupts(std::string_view text) {
  InterruptCounts counts;
  std::vector<CpuId> columns;
  for (const std::string_view line : lines_of(text)) {
    const auto colon = line.find(':');
    if (columns.empty()) {
      columns = columns_of(line);
      continue;
    }
    if (colon == std::string_view::npos) continue;
    const auto fields = fields_of(line.substr(colon + 1));
    for (std::size_t i = 0; i < columns.size() && i < fields.size(); ++i) {
      if (const auto count = to_number(fields[i]))
        counts[columns[i]][std::string(trimmed(line.substr(0, colon)))] = *count;
    }
  }
  return counts;
}

std::optional<InterruptCounts> interrupt_deltas(const HostView& host) {
  const FileText before = host.read("/kvmrt/sample/interrupts_before");
  const FileText after = host.read("/kvmrt/sample/interrupts_after");
  if (sample_seconds(host) == 0 || !before.ok() || !after.ok()) return std::nullopt;
  InterruptCounts deltas = parse_interrupts(after.text);
  for (const auto& [cpu, rows] : parse_interrupts(before.text)) {
    for (const auto& [row, count] : rows) deltas[cpu][row] -= count;
  }
  return deltas;
}

}  // namespace kvmrt::partition::checks
