// SPDX-License-Identifier: MIT
// One line per CPU: "CPU core package node llc siblings". On a tmpfs, so that a reboot forgets it.
#include <charconv>
#include <fmt/format.h>

#include "base/file.h"
#include "partition/probe.h"

namespace kvmrt::partition {
namespace {

constexpr std::string_view kHeading = "kvmrt-topology 1";

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Cpu> cpu_in(std::string_view line) {
  const auto fields = fields_of(line);
  if (fields.size() != 6) return std::nullopt;
  int numbers[5];
  for (std::size_t i = 0; i < 5; ++i) {
    const auto number = number_in(fields[i]);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  const auto siblings = CpuSet::from_list(fields[5]);
  if (!siblings || numbers[0] < 0 || numbers[0] > BitSet::kMaxId) return std::nullopt;
  Cpu cpu;
  cpu.id = CpuId(numbers[0]);
  cpu.core = numbers[1];
  cpu.package = numbers[2];
  cpu.node = NodeId(numbers[3]);
  cpu.llc = numbers[4];
  cpu.siblings = *siblings;
  return cpu;
}

std::filesystem::path file_in(const std::filesystem::path& run_dir) { return run_dir / "topology"; }

}  // namespace

void keep_topology(const std::filesystem::path& run_dir, const HostTopology& topology) {
  std::string text(kHeading);
  for (const Cpu& cpu : topology.cpus)
    text += fmt::format("\n{} {} {} {} {} {}", cpu.id.value(), cpu.core, cpu.package,
                        cpu.node.value(), cpu.llc, cpu.siblings.list());
  text += "\n";
  if (read_file_if_any(file_in(run_dir)) != text) replace_file(file_in(run_dir), text);
}

std::optional<HostTopology> recall_topology(const std::filesystem::path& run_dir) {
  std::optional<std::string> text;
  try {
    text = read_file_if_any(file_in(run_dir));
  } catch (const std::exception&) {
    return std::nullopt;  // the folder is root's own; without it offline siblings stay unknown
  }
  if (!text) return std::nullopt;
  const auto lines = lines_of(*text);
  if (lines.empty() || lines.front() != kHeading) return std::nullopt;
  HostTopology topology;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cpu = cpu_in(lines[i]);
    if (!cpu || (!topology.cpus.empty() && cpu->id <= topology.cpus.back().id)) return std::nullopt;
    topology.cpus.push_back(*cpu);
  }
  return topology;
}

}  // namespace kvmrt::partition
