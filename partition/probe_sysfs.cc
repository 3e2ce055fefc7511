// SPDX-License-Identifier: MIT
#include "partition/probe_sysfs.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

#include "base/file.h"

namespace kvmrt::partition {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

std::uint64_t read_number(const fs::path& path) {
  return parse_number(trimmed(read_file_if_any(path).value_or(""))).value_or(0);
}

int read_int(const fs::path& path, int otherwise) {
  const std::string text = read_file_if_any(path).value_or("");
  const std::string_view digits = trimmed(text);
  int number = otherwise;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return result.ec == std::errc{} ? number : otherwise;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// The node whose link stands in the folder of a CPU, even while that is offline.
NodeId linked_node(const fs::path& cpu_folder) {
  for (const std::string& name : names_in(cpu_folder)) {
    if (!name.starts_with("node")) continue;
    if (const auto number = parse_number(name.substr(4))) return NodeId(static_cast<int>(*number));
  }
  return NodeId();
}

/// "Node 0 MemFree: 5349368 kB" or "MemFree: …": the figure, by name.
Bytes meminfo_of(const std::string& text, std::string_view name) {
  for (const std::string_view line : lines_of(text)) {
    const auto fields = fields_of(line);
    for (std::size_t i = 0; i + 1 < fields.size(); ++i) {
      if (fields[i] == name) return kib(parse_number(fields[i + 1]).value_or(0));
    }
  }
  return {};
}

/// Free pages, and clean file pages and slabs that the kernel gives up at once: what MemAvailable
/// is for the whole host.
Bytes available_on(const std::string& meminfo) {
  return meminfo_of(meminfo, "MemFree:") + meminfo_of(meminfo, "Active(file):") +
         meminfo_of(meminfo, "Inactive(file):") + meminfo_of(meminfo, "SReclaimable:");
}

std::map<Bytes, HugepagePool> pools_in(const fs::path& folder) {
  constexpr std::string_view kPrefix = "hugepages-";
  std::map<Bytes, HugepagePool> pools;
  for (const std::string& name : names_in(folder)) {
    if (!name.starts_with(kPrefix)) continue;
    const auto size = parse_number(std::string_view(name).substr(kPrefix.size()));
    if (!size) continue;
    pools[kib(*size)] = {read_number(folder / name / "nr_hugepages"),
                         read_number(folder / name / "free_hugepages")};
  }
  return pools;
}

std::string link_name(const fs::path& link) {
  std::error_code none;
  return fs::read_symlink(link, none).filename().string();
}

}  // namespace

CpuSet read_cpu_list(const fs::path& path) {
  return CpuSet::from_list(read_file_if_any(path).value_or("")).value_or(CpuSet{});
}

void complete_cpus(HostTopology& host, const fs::path& root) {
  const fs::path folder = root / "sys/devices/system/cpu";
  const CpuSet online = read_cpu_list(folder / "online");
  const CpuSet isolated = read_cpu_list(folder / "isolated");
  const CpuSet nohz_full = read_cpu_list(folder / "nohz_full");
  for (Cpu& cpu : host.cpus) {
    const fs::path own = folder / fmt::format("cpu{}", cpu.id.value());
    std::error_code none;
    if (!online.empty()) cpu.online = online.has(cpu.id);
    cpu.can_go_offline = fs::exists(own / "online", none);
    cpu.isolated = isolated.has(cpu.id);
    cpu.nohz_full = nohz_full.has(cpu.id);
    if (cpu.node.value() < 0) cpu.node = linked_node(own);
    if (cpu.core < 0) cpu.core = -1 - cpu.id.value();  // unknown, yet not another's
  }
}

void complete_nodes(HostTopology& host, const fs::path& root) {
  for (Node& node : host.nodes) {
    const fs::path folder =
        root / "sys/devices/system/node" / fmt::format("node{}", node.id.value());
    for (const Cpu& cpu : host.cpus) {
      if (cpu.node == node.id) node.cpus.insert(cpu.id);
    }
    if (const auto meminfo = read_file_if_any(folder / "meminfo")) {
      node.free_memory = std::min(available_on(*meminfo), node.memory);
      node.hugepages = pools_in(folder / "hugepages");
      continue;
    }
    // A kernel without NUMA has no node folders, and one node.
    const std::string whole = read_file_if_any(root / "proc/meminfo").value_or("");
    node.free_memory = meminfo_of(whole, "MemAvailable:");
    node.hugepages = pools_in(root / "sys/kernel/mm/hugepages");
  }
}

std::vector<std::string> all_devices(const fs::path& root) {
  return names_in(root / "sys/bus/pci/devices");
}

void add_devices(HostTopology& host, const fs::path& root,
                 const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    const fs::path folder = root / "sys/bus/pci/devices" / address;
    std::error_code none;
    if (address.find('/') != std::string::npos || !fs::exists(folder, none)) continue;
    PciDevice device;
    device.address = address;
    device.node = NodeId(read_int(folder / "numa_node", -1));
    device.local_cpus = read_cpu_list(folder / "local_cpulist");
    device.driver = link_name(folder / "driver");
    const auto group = parse_number(link_name(folder / "iommu_group"));
    if (group) device.iommu_group = static_cast<int>(*group);
    host.devices.push_back(std::move(device));
  }
}

}  // namespace kvmrt::partition
