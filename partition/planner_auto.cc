// SPDX-License-Identifier: MIT
#include "partition/planner_auto.h"

#include <algorithm>
#include <fmt/format.h>
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

bool is_free(const Surroundings& around, const Choosable& one) {
  const auto blocked = [&](CpuId id) { return around.blocked.has(id); };
  return !blocked(one.cpu) && std::none_of(one.siblings.begin(), one.siblings.end(), blocked);
}

using Free = std::vector<const Choosable*>;

/// In the order of preference: the static one, and near the devices first among equal kinds.
Free free_choices(const Choices& choices, const Surroundings& around) {
  Free free;
  for (const Choosable& one : choices.best_first) {
    if (is_free(around, one)) free.push_back(&one);
  }
  if (around.near_devices.empty()) return free;
  std::stable_sort(free.begin(), free.end(), [&](const Choosable* a, const Choosable* b) {
    const bool a_far = !around.near_devices.has(a->cpu);
    const bool b_far = !around.near_devices.has(b->cpu);
    return std::pair(a->kind, a_far) < std::pair(b->kind, b_far);
  });
  return free;
}

Cost cost_of(const Free& chosen, const Surroundings& around) {
  Cost cost;
  std::set<int> nodes;
  std::set<int> llcs;
  for (const Choosable* one : chosen) {
    const bool near = around.near_devices.empty() || around.near_devices.has(one->cpu);
    cost.other_kind += one->kind;
    cost.far_from_devices += near ? 0 : 1;
    nodes.insert(one->node);
    llcs.insert(one->llc);
  }
  cost.nodes = static_cast<int>(nodes.size());
  cost.llcs = static_cast<int>(llcs.size());
  for (const int node : nodes) cost.foreign_nodes += around.foreign_nodes.contains(node) ? 1 : 0;
  return cost;
}

/// The first `needed` of each cache, node, package, and of the host; fewer where it has fewer.
std::vector<Free> fill_buckets(const Free& free, int scopes, std::size_t needed) {
  std::vector<Free> buckets(static_cast<std::size_t>(scopes));
  for (const Choosable* one : free) {
    for (const int scope : one->scopes) {
      Free& bucket = buckets[static_cast<std::size_t>(scope)];
      if (bucket.size() < needed) bucket.push_back(one);
    }
  }
  return buckets;
}

Selection best_of(const std::vector<Free>& buckets, std::size_t needed,
                  const Surroundings& around) {
  const auto rank = [](const Cost& cost, const Free& chosen) {
    return std::tuple(cost, -chosen.front()->package, -chosen.front()->core);
  };
  Selection best;
  for (const Free& bucket : buckets) {
    if (bucket.size() < needed) continue;
    const Cost cost = cost_of(bucket, around);
    if (best.chosen.empty() || rank(cost, bucket) < rank(best.cost, best.chosen))
      best = {bucket, cost};
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
  const Choices& choices = ground.choices(request.rt);
  const Free free = free_choices(choices, around);
  free_count = free.size();
  const std::size_t needed = cpus_needed(request);
  if (free.size() < needed) return std::nullopt;
  return best_of(fill_buckets(free, choices.scopes, needed), needed, around);
}

CpuSet choose_cpuset(const Ground& ground, const std::vector<const Claim*>& others,
                     const VmRequest& request, Findings& findings) {
  std::size_t free = 0;
  const auto selection = select_cpus(ground, others, request, free);
  CpuSet cpuset;
  if (selection) {
    for (const Choosable* one : selection->chosen) cpuset.insert(one->cpu);
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
