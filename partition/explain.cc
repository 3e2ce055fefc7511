// SPDX-License-Identifier: MIT
#include "partition/explain.h"

#include <algorithm>
#include <fmt/format.h>

namespace kvmrt::partition {
namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell, two blanks between them, none at the ends.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += fmt::format("{:<{}}", row[i], widths[i] + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

Row thread_row(const ThreadPlan& thread) {
  const int priority = thread.scheduling.priority;
  return {thread.name, thread.cpus.empty() ? "any" : thread.cpus.list(),
          to_string(thread.scheduling.policy), priority == 0 ? "" : std::to_string(priority)};
}

std::string or_none(const std::string& list) { return list.empty() ? "none" : list; }

std::string known(int number) { return number < 0 ? "?" : std::to_string(number); }

std::string marks_of(const Cpu& cpu, const TreeMarks& marks) {
  std::vector<std::string> words;
  if (!cpu.online) words.emplace_back("offline");
  if (cpu.isolated) words.emplace_back("isolated");
  if (cpu.nohz_full) words.emplace_back("nohz_full");
  if (marks.housekeeping.has(cpu.id)) words.emplace_back("housekeeping");
  const auto owner = marks.owners.find(cpu.id);
  if (owner != marks.owners.end()) words.push_back("VM " + owner->second);
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "    " : ", ") + word;
  return text;
}

/// The cores of one node in order, those that are not known last.
std::string cores_of(const std::vector<const Cpu*>& cpus, const TreeMarks& marks) {
  std::map<std::pair<bool, int>, std::vector<const Cpu*>> cores;
  for (const Cpu* cpu : cpus) cores[{cpu->core < 0, std::abs(cpu->core)}].push_back(cpu);
  std::string text;
  for (const auto& [core, members] : cores) {
    text += fmt::format("    Core {}:    [Socket {}]\n", known(members.front()->core),
                        known(members.front()->package));
    for (const Cpu* cpu : members)
      text += fmt::format("        CPU {}{}\n", cpu->id.value(), marks_of(*cpu, marks));
  }
  return text;
}

std::string caches_of(const std::vector<const Cpu*>& cpus) {
  std::map<int, CpuSet> caches;
  for (const Cpu* cpu : cpus) {
    if (cpu->llc >= 0) caches[cpu->llc].insert(cpu->id);
  }
  std::string text;
  for (const auto& [first, members] : caches)
    text += fmt::format("    Last-level cache of CPUs {}\n", members.list());
  return text;
}

std::string devices_of(const HostTopology& topology, NodeId node) {
  std::string text;
  for (const PciDevice& device : topology.devices) {
    if (device.node != node) continue;
    text += fmt::format("    Device {}{}\n", device.address,
                        device.driver.empty() ? "" : fmt::format(" ({})", device.driver));
  }
  return text;
}

std::string explain_node(const HostTopology& topology, NodeId node, const TreeMarks& marks) {
  std::vector<const Cpu*> cpus;
  for (const Cpu& cpu : topology.cpus) {
    if (cpu.node == node) cpus.push_back(&cpu);
  }
  const bool real = node.value() >= 0;
  if (!real && cpus.empty() && devices_of(topology, node).empty()) return "";
  std::string text =
      real ? fmt::format("NUMA Node {}:\n", node.value()) : std::string("No NUMA Node:\n");
  if (real && cpus.empty()) text += "    Memory only\n";
  return text + cores_of(cpus, marks) + caches_of(cpus) + devices_of(topology, node);
}

}  // namespace

std::string explain_plan(const VmPlan& plan) {
  std::vector<Row> rows{{"thread", "CPUs", "policy", "priority"}};
  for (const ThreadPlan& thread : plan.threads) rows.push_back(thread_row(thread));
  std::string text = aligned(rows);
  text += fmt::format("  cpuset {}, memory from {}\n", or_none(plan.cpuset.list()),
                      plan.numa_nodes.empty() ? "any node" : "node " + plan.numa_nodes.list());
  if (plan.rt) {
    text += fmt::format("  owned CPUs {}, of them siblings that go offline: {}\n",
                        or_none(plan.owned_cpus.list()), or_none(plan.offline_cpus.list()));
  }
  return text + fmt::format("  housekeeping CPUs {}\n", or_none(plan.housekeeping_cpus.list()));
}

std::string explain_topology(const HostTopology& topology, const TreeMarks& marks) {
  std::string text;
  for (const Node& node : topology.nodes) text += explain_node(topology, node.id, marks);
  return text + explain_node(topology, NodeId(), marks);
}

}  // namespace kvmrt::partition
