// SPDX-License-Identifier: MIT
// Whether the nodes can give the memory: locked memory and huge pages cannot be overcommitted.
#include <fmt/format.h>
#include <set>

#include "partition/planner_checks.h"

namespace kvmrt::partition {
namespace {

struct Supply {
  Bytes total;
  Bytes free;
  std::uint64_t free_pages = 0;  ///< huge pages of the wanted size
  std::uint64_t more_pages = 0;  ///< for which the nodes that have such pages have memory
  bool pools_known = false;
};

Supply supply_of(const HostTopology& topology, const NodeSet& nodes, std::optional<Bytes> page) {
  Supply supply;
  for (const Node& node : topology.nodes) {
    if (!node.hugepages.empty()) supply.pools_known = true;
    if (!nodes.empty() && !nodes.has(node.id)) continue;
    supply.total = supply.total + node.memory;
    supply.free = supply.free + node.free_memory;
    if (!page) continue;
    const auto pool = node.hugepages.find(*page);
    if (pool == node.hugepages.end()) continue;
    supply.free_pages += pool->second.free;
    supply.more_pages += node.free_memory.count() / page->count();
  }
  return supply;
}

std::string where(const NodeSet& nodes) {
  return nodes.empty() ? std::string("the host") : "NUMA node " + nodes.list();
}

struct Demand {
  Bytes size;
  NodeSet nodes;
  std::string key;
};

/// Guest nodes bound to host nodes of their own, and the rest where the VM's memory comes from.
std::vector<Demand> demands_of(const Draft& draft) {
  std::vector<Demand> demands;
  const VmRequest& request = draft.request;
  Bytes bound;
  for (std::size_t i = 0; i < request.guest_nodes.size(); ++i) {
    const GuestNodeRequest& node = request.guest_nodes[i];
    if (node.host_nodes.empty()) continue;
    demands.push_back({node.memory, node.host_nodes, fmt::format("numa[{}].memory", i)});
    bound = bound + node.memory;
  }
  if (bound < request.memory)
    demands.push_back({request.memory - bound, draft.plan.numa_nodes, "memory"});
  return demands;
}

void check_hugepages(const Ground& ground, const Demand& demand, Draft& draft) {
  const Bytes page = *draft.request.hugepages;
  const Supply supply = supply_of(ground.topology, demand.nodes, page);
  if (!supply.pools_known && !ground.input.facts) return;
  const std::uint64_t wanted = (demand.size.count() + page.count() - 1) / page.count();
  if (wanted <= supply.free_pages + supply.more_pages) return;
  const int node = demand.nodes.empty() ? 0 : demand.nodes.lowest()->value();
  draft.findings.add(
      "not-enough-hugepages", demand.key,
      fmt::format("{} pages of {} wanted, {} has {} free and memory for {} more", wanted,
                  to_string(page), where(demand.nodes), supply.free_pages, supply.more_pages),
      fmt::format("echo {} > /sys/devices/system/node/node{}/hugepages/hugepages-{}kB/nr_hugepages",
                  wanted, node, page.count() / 1024));
}

void check_plain(const Ground& ground, const Demand& demand, Draft& draft) {
  const Supply supply = supply_of(ground.topology, demand.nodes, std::nullopt);
  const bool locked = draft.request.rt_memory;
  const Bytes limit = locked ? supply.free : supply.total;
  if (demand.size <= limit) return;
  draft.findings.add("not-enough-memory", demand.key,
                     fmt::format("{} wanted, {} has {} {}", to_string(demand.size),
                                 where(demand.nodes), to_string(limit), locked ? "free" : "in all"),
                     "make memory smaller, or let further nodes give some (numatune)");
}

bool runs_already(const Ground& ground, const std::string& vm) {
  for (const Lease& lease : ground.input.running) {
    if (lease.vm == vm && lease.started) return true;
  }
  return false;
}

}  // namespace

void check_memory(const Ground& ground, Draft& draft) {
  if (!ground.topology.memory_known || runs_already(ground, draft.request.name)) return;
  for (const Demand& demand : demands_of(draft)) {
    if (draft.request.hugepages)
      check_hugepages(ground, demand, draft);
    else
      check_plain(ground, demand, draft);
  }
}

void check_memory_together(const Ground& ground, const std::vector<Draft>& drafts,
                           Findings& findings) {
  if (!ground.topology.memory_known) return;
  std::set<std::string> seen;
  for (const Draft& scope : drafts) {
    const NodeSet& nodes = scope.plan.numa_nodes;
    if (!scope.request.rt_memory || !seen.insert(nodes.list()).second) continue;
    Bytes wanted;
    std::size_t vms = 0;
    for (const Draft& draft : drafts) {
      const bool inside = nodes.empty() || (!draft.plan.numa_nodes.empty() &&
                                            draft.plan.numa_nodes.subset_of(nodes));
      if (!draft.request.rt_memory || !inside) continue;
      wanted = wanted + draft.request.memory;
      ++vms;
    }
    const Bytes total = supply_of(ground.topology, nodes, std::nullopt).total;
    if (vms < 2 || wanted <= total) continue;
    findings.add("not-enough-memory", "memory",
                 fmt::format("{} VMs lock {} together, {} has {} in all", vms, to_string(wanted),
                             where(nodes), to_string(total)));
  }
}

}  // namespace kvmrt::partition
