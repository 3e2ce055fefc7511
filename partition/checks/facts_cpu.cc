// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : fields_of(text)) words.emplace_back(word);
  return words;
}

/// Flags are by far the longest line, so a snapshot writes "(as above)" for a repeated one.
void set_field(std::vector<Processor>& all, std::string_view name, std::string_view value) {
  if (name == "processor") {
    all.push_back({});
    all.back().id = CpuId(static_cast<int>(to_number(value).value_or(-1)));
    return;
  }
  if (all.empty()) return;
  Processor& last = all.back();
  if (name == "vendor_id") last.vendor = value;
  if (name == "model name") last.model_name = value;
  if (name == "cpu family") last.family = value;
  if (name == "model") last.model = value;
  if (name == "stepping") last.stepping = value;
  if (name == "microcode") last.microcode = value;
  if (name != "flags") return;
  const bool repeated = value == "(as above)" && all.size() > 1;
  last.flags = repeated ? all[all.size() - 2].flags : words_of(value);
}

}  // namespace

std::vector<Processor> processors(const HostView& host) {
  std::vector<Processor> all;
  const FileText file = host.read("/proc/cpuinfo");
  for (const std::string_view line : lines_of(file.text)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    set_field(all, trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return all;
}

bool has_flag(const HostView& host, std::string_view flag) {
  const auto all = processors(host);
  return !all.empty() && std::find(all.front().flags.begin(), all.front().flags.end(), flag) !=
                             all.front().flags.end();
}

bool is_intel(const HostView& host) {
  const auto all = processors(host);
  return !all.empty() && all.front().vendor == "GenuineIntel";
}

bool is_amd(const HostView& host) {
  const auto all = processors(host);
  return !all.empty() &&
         (all.front().vendor == "AuthenticAMD" || all.front().vendor == "HygonGenuine");
}

CpuSet online_cpus(const HostView& host) {
  return cpus_of(host, "/sys/devices/system/cpu/online").value_or(CpuSet{});
}

CpuSet isolated_at_boot(const HostView& host) {
  return cpus_of(host, "/sys/devices/system/cpu/isolated").value_or(CpuSet{});
}

CpuSet nohz_full(const HostView& host) {
  return cpus_of(host, "/sys/devices/system/cpu/nohz_full").value_or(CpuSet{});
}

std::string cpu_path(CpuId cpu, std::string_view below) {
  return fmt::format("/sys/devices/system/cpu/cpu{}/{}", cpu.value(), below);
}

CpuSet siblings_of(const HostView& host, CpuId cpu) {
  CpuSet all =
      cpus_of(host, cpu_path(cpu, "topology/thread_siblings_list")).value_or(CpuSet::of(cpu));
  all.insert(cpu);
  return all;
}

}  // namespace kvmrt::partition::checks
