// SPDX-License-Identifier: MIT
#include "partition/planner_auto.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

namespace kvmrt::partition {
namespace {

struct Surroundings {
  CpuSet blocked;       ///< others', services', the host's own, first cores
  CpuSet near_devices;  ///< CPUs local to the VM's passthrough devices
  std::set<int> foreign_nodes;
};

CpuSet near_devices(const HostTopology& topology, const VmRequest& request) {
  CpuSet near;
  for (const PciDevice& device : topology.devices) {
    if (std::find(request.pci.begin(), request.pci.end(), device.address) == request.pci.end())
      continue;
    near |= device.local_cpus;
    if (const Node* node = topology.find(device.node)) near |= node->cpus;
  }
  return near;
}

Surroundings look_around(const Ground& ground, const std::vector<const Claim*>& others,
                         const VmRequest& request) {
  Surroundings around;
  around.blocked = ground.first_cores | ground.services;
  if (ground.input.policy.housekeeping) around.blocked |= *ground.input.policy.housekeeping;
  if (request.emulator.where == EmulatorRequest::Where::explicit_set)
    around.blocked |= request.emulator.cpus;
  for (const Claim* claim : others) {
    around.blocked |= claim->cpus;
    for (const NodeId node : claim->nodes.members()) around.foreign_nodes.insert(node.value());
  }
  if (ground.input.allowed) around.blocked |= ground.present - *ground.input.allowed;
  around.near_devices = near_devices(ground.topology, request);
  return around;
}

/// Whether a whole core is free, this is its lowest online CPU, and its other siblings can leave.
bool core_is_free(const Ground& ground, const Surroundings& around, const Cpu& named) {
  if (named.siblings.count() <= 1) return true;
  if (named.siblings.intersects(around.blocked)) return false;
  for (const CpuId id : named.siblings.members()) {
    const Cpu* sibling = ground.topology.find(id);
    if (id == named.id || sibling == nullptr || !sibling->online) continue;
    if (id < named.id) return false;
    if (!sibling->can_go_offline && ground.input.policy.siblings != SiblingRule::leave)
      return false;
  }
  return true;
}

std::vector<Candidate> free_candidates(const Ground& ground, const Surroundings& around, bool rt) {
  std::vector<Candidate> free;
  for (const Cpu& cpu : ground.topology.cpus) {
    if (!cpu.online || around.blocked.has(cpu.id)) continue;
    if (rt && !core_is_free(ground, around, cpu)) continue;
    free.push_back({cpu.id, cpu.core, cpu.package, cpu.node.value(), cpu.llc, cpu.nohz_full,
                    cpu.isolated, around.near_devices.has(cpu.id)});
  }
  return free;
}

/// RT: nohz_full first, then isolated at boot. Others keep away from both, which are for RT VMs.
int kind_rank(const Candidate& candidate, bool rt) {
  const int merit = candidate.nohz_full ? 2 : candidate.isolated ? 1 : 0;
  return rt ? 2 - merit : merit;
}

void sort_by_preference(std::vector<Candidate>& free, bool rt) {
  const auto key = [rt](const Candidate& one) {
    return std::tuple(kind_rank(one, rt), !one.near_device, -one.package, -one.node, -one.llc,
                      -one.core, -one.cpu.value());
  };
  std::sort(free.begin(), free.end(),
            [&](const Candidate& a, const Candidate& b) { return key(a) < key(b); });
}

Cost cost_of(const std::vector<Candidate>& chosen, const Surroundings& around, bool rt) {
  Cost cost;
  std::set<int> nodes;
  std::set<int> llcs;
  for (const Candidate& one : chosen) {
    cost.other_kind += kind_rank(one, rt);
    cost.far_from_devices += !around.near_devices.empty() && !one.near_device ? 1 : 0;
    nodes.insert(one.node);
    llcs.insert(one.llc);
  }
  cost.nodes = static_cast<int>(nodes.size());
  cost.llcs = static_cast<int>(llcs.size());
  for (const int node : nodes) cost.foreign_nodes += around.foreign_nodes.contains(node) ? 1 : 0;
  return cost;
}

/// The first `needed` candidates of each cache, node, package, and of the host.
using Buckets = std::map<std::pair<int, int>, std::vector<Candidate>>;

Buckets fill_buckets(const std::vector<Candidate>& free, std::size_t needed) {
  Buckets buckets;
  for (const Candidate& one : free) {
    const std::pair<int, int> scopes[] = {{0, one.llc}, {1, one.node}, {2, one.package}, {3, 0}};
    for (const auto& scope : scopes) {
      auto& bucket = buckets[scope];
      if (bucket.size() < needed) bucket.push_back(one);
    }
  }
  return buckets;
}

Selection best_of(const Buckets& buckets, std::size_t needed, const Surroundings& around, bool rt) {
  Selection best;
  for (const auto& [scope, bucket] : buckets) {
    if (bucket.size() < needed) continue;
    const Cost cost = cost_of(bucket, around, rt);
    const int package = bucket.front().package;
    const bool better =
        best.chosen.empty() || std::tuple(cost, -package, -bucket.front().core) <
                                   std::tuple(best.cost, -best.package, -best.chosen.front().core);
    if (better) best = {bucket, cost, package, 0};
  }
  return best;
}

}  // namespace

std::size_t cpus_needed(const VmRequest& request) {
  const bool own_emulator = request.emulator.where == EmulatorRequest::Where::rule;
  return static_cast<std::size_t>(std::max(request.nr_vcpus, 1)) + (own_emulator ? 1 : 0);
}

std::optional<Selection> select_cpus(const Ground& ground, const std::vector<const Claim*>& others,
                                     const VmRequest& request, std::size_t& free_count) {
  const Surroundings around = look_around(ground, others, request);
  auto free = free_candidates(ground, around, request.rt);
  free_count = free.size();
  const std::size_t needed = cpus_needed(request);
  if (free.size() < needed) return std::nullopt;
  sort_by_preference(free, request.rt);
  Selection best = best_of(fill_buckets(free, needed), needed, around, request.rt);
  best.free = free_count;
  return best;
}

CpuSet choose_cpuset(const Ground& ground, const std::vector<const Claim*>& others,
                     const VmRequest& request, Findings& findings) {
  std::size_t free = 0;
  const auto selection = select_cpus(ground, others, request, free);
  CpuSet cpuset;
  if (selection) {
    for (const Candidate& one : selection->chosen) cpuset.insert(one.cpu);
    return cpuset;
  }
  findings.add("auto-no-room", "cpuset",
               fmt::format("{} free {} needed, {} left (the first core of each package, other "
                           "VMs' CPUs and the host file's are not free)",
                           cpus_needed(request), request.rt ? "whole cores" : "CPUs", free),
               "'kvmrt cpu-topology' shows who has which CPU");
  return cpuset;
}

}  // namespace kvmrt::partition
