// SPDX-License-Identifier: MIT
#include "launcher/preflight_memory.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// "MemFree:  812 kB", in a node's file behind "Node 0 ".
Bytes meminfo(std::string_view text, std::string_view key) {
  for (const auto line : lines_of(text)) {
    const auto fields = fields_of(line);
    const auto found = std::ranges::find(fields, key);
    if (found != fields.end() && found + 1 != fields.end()) return kib(number_of(*(found + 1)));
  }
  return {};
}

/// What MemAvailable is for the host; the kernel does not print it per node.
Bytes available_on_node(std::string_view text) {
  return meminfo(text, "MemFree:") + meminfo(text, "Active(file):") +
         meminfo(text, "Inactive(file):") + meminfo(text, "SReclaimable:");
}

std::map<Bytes, Bytes> free_huge_pages(const fs::path& folder) {
  std::map<Bytes, Bytes> free;
  std::error_code absent;
  for (const auto& pool : fs::directory_iterator(folder, absent)) {
    constexpr std::string_view kPrefix = "hugepages-";
    const std::string name = pool.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const Bytes size = kib(number_of(std::string_view(name).substr(kPrefix.size())));
    const auto count = read_file_if_any(pool.path() / "free_hugepages");
    if (count) free[size] = Bytes(size.count() * number_of(*count));
  }
  return free;
}

struct HugeSupply {
  Bytes free;
  bool pool = false;  ///< the host knows pages of that size there: more can be reserved
};

HugeSupply huge_supply(const MemoryDemand& demand, const MemorySupply& supply, Bytes page) {
  HugeSupply sum;
  for (const auto& [node, has] : supply.nodes) {
    const bool counts = demand.nodes.empty() || demand.nodes.has(node);
    const auto pool = has.huge.find(page);
    if (!counts || pool == has.huge.end()) continue;
    sum.pool = true;
    sum.free = sum.free + pool->second;
  }
  return sum;
}

Bytes normal_supply(const MemoryDemand& demand, const MemorySupply& supply) {
  if (demand.nodes.empty() || supply.nodes.empty()) return supply.available;
  Bytes sum;
  for (const auto& [node, has] : supply.nodes)
    if (demand.nodes.has(node)) sum = sum + has.available;
  return std::min(sum, supply.available);
}

std::string where(const MemoryDemand& demand) {
  return demand.nodes.empty() ? "" : " on node " + demand.nodes.list();
}

/// Rounded up: nobody wants to read bytes here.
std::string mebibytes(Bytes bytes) {
  return fmt::format("{} MiB", (bytes.count() + (1U << 20U) - 1) >> 20U);
}

Problem not_enough_huge(const MemoryDemand& demand, Bytes page, Bytes free, Bytes room) {
  const auto pages = (demand.guest.count() + page.count() - 1) / page.count();
  return {Severity::error,
          "not-enough-hugepages",
          "",
          "memory.hugepages",
          fmt::format("{} pages of {} are needed{}, {} are free and there is memory for {} more",
                      pages, to_string(page), where(demand), free.count() / page.count(),
                      room.count() / page.count()),
          fmt::format("echo {} > /sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages, or reserve "
                      "them at boot",
                      pages, page.count() >> 10U),
          {}};
}

Problem not_enough_memory(const MemoryDemand& demand, Bytes need, Bytes have) {
  const bool sure = demand.locked || !demand.nodes.empty();
  return {sure ? Severity::error : Severity::warning,
          "not-enough-memory",
          "",
          "memory.size",
          fmt::format("{} are needed{} ({} for the guest, the rest for QEMU), {} are available",
                      mebibytes(need), where(demand),
                      mebibytes(demand.hugepages ? Bytes() : demand.guest), mebibytes(have)),
          "make memory.size smaller, or free memory",
          {}};
}

}  // namespace

partition::NodeSet memory_nodes_of(const profiles::Profile& profile,
                                   const partition::VmPlan& plan) {
  partition::NodeSet nodes = profile.numa.empty() ? plan.numa_nodes : partition::NodeSet();
  for (const profiles::GuestNode& guest : profile.numa) {
    const auto& own = guest.host_nodes.empty() ? plan.numa_nodes : guest.host_nodes;
    if (own.empty()) return {};
    nodes = nodes | own;
  }
  // QEMU's own memory follows the plan whatever the guest's does.
  return nodes.empty() || plan.numa_nodes.empty() ? nodes : nodes | plan.numa_nodes;
}

bool bound_apart(const profiles::Profile& profile) {
  return std::any_of(profile.numa.begin(), profile.numa.end(),
                     [](const profiles::GuestNode& node) { return !node.host_nodes.empty(); });
}

MemorySupply probe_memory(const fs::path& root) {
  MemorySupply supply;
  supply.available = meminfo(read_file_if_any(root / "proc/meminfo").value_or(""), "MemAvailable:");
  const fs::path folder = root / "sys/devices/system/node";
  const auto with_memory =
      partition::NodeSet::from_list(trimmed(read_file_if_any(folder / "has_memory").value_or("")));
  if (!with_memory) return supply;
  for (const NodeId node : with_memory->members()) {
    const fs::path own = folder / ("node" + to_string(node));
    supply.nodes[node] = {available_on_node(read_file_if_any(own / "meminfo").value_or("")),
                          free_huge_pages(own / "hugepages")};
  }
  return supply;
}

Bytes qemu_overhead(const MemoryDemand& demand) {
  // Seen with QEMU 7.2, locked: 290 MB with one vCPU, 660 MB with four, an iothread and devices.
  // Not locked, only what is touched counts.
  const auto extra_vcpus = static_cast<std::uint64_t>(std::max(0, demand.nr_vcpus - 1));
  Bytes overhead = demand.locked ? mib(320 + 110 * extra_vcpus) : mib(96 + 2 * extra_vcpus);
  if (!demand.kvm) overhead = overhead + mib(demand.locked ? 100 : 256);  // the code buffer
  return overhead;
}

Problems memory_problems(const MemoryDemand& demand, const MemorySupply& supply) {
  Problems problems;
  Bytes need = qemu_overhead(demand);
  const Bytes have = normal_supply(demand, supply);
  if (demand.hugepages) {
    // What is missing is reserved at the start, and given back at the end.
    const auto [free, pool] = huge_supply(demand, supply, *demand.hugepages);
    const Bytes missing = free < demand.guest ? demand.guest - free : Bytes();
    const Bytes room = pool && need < have ? have - need : Bytes();
    if (room < missing)
      problems.push_back(not_enough_huge(demand, *demand.hugepages, free, room));
    else
      need = need + missing;
  } else {
    need = need + demand.guest;
  }
  if (supply.available != Bytes() && have < need)
    problems.push_back(not_enough_memory(demand, need, have));
  return problems;
}

}  // namespace kvmrt::launcher
