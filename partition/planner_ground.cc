// SPDX-License-Identifier: MIT
#include "partition/planner_ground.h"

#include <set>
#include <string_view>

namespace kvmrt::partition {
namespace {

Claim lease_claim(const HostTopology& topology, const Lease& lease) {
  Claim claim;
  claim.vm = lease.vm;
  claim.rt = lease.plan.rt;
  claim.running = true;
  claim.cpus = lease.plan.cpuset;
  claim.owned = lease.plan.owned_cpus;
  claim.request = &lease.request;
  claim.cpus |= lease.plan.owned_cpus;
  if (lease.request.emulator.where == EmulatorRequest::Where::explicit_set)
    claim.cpus |= lease.plan.emulator_cpus;
  claim.nodes = topology.nodes_of(claim.cpus) | lease.plan.numa_nodes;
  return claim;
}

template <class Items, class NameOf>
std::set<std::string_view> names_of(const Items& items, NameOf name_of) {
  std::set<std::string_view> names;
  for (const auto& item : items) names.insert(name_of(item));
  return names;
}

}  // namespace

Ground::Ground(const PlanningInput& given, Scope scope)
    : input(given),
      topology(given.topology),
      present(topology.present()),
      online(topology.online()),
      isolated(topology.isolated()),
      nohz_full(topology.nohz_full()),
      first_cores(topology.first_cores()),
      taken_offline(given.taken_offline) {
  for (const Service& service : given.policy.services)
    services |= topology.with_siblings(service.cpus);
  const auto profiles =
      names_of(given.configured, [](const auto& vm) -> std::string_view { return vm.name; });
  const auto leases =
      names_of(given.running, [](const auto& lease) -> std::string_view { return lease.vm; });
  for (const Lease& lease : given.running) {
    taken_offline |= lease.plan.offline_cpus;
    if (scope == Scope::one_vm || !profiles.contains(lease.vm))
      claims.push_back(lease_claim(topology, lease));
  }
  for (const VmRequest& request : given.configured) {
    if (scope == Scope::one_vm && leases.contains(request.name)) continue;
    claims.push_back(
        claim_of(request, request.cpuset.set, memory_nodes(topology, request, request.cpuset.set)));
  }
}

Claim Ground::claim_of(const VmRequest& request, const CpuSet& cpuset,
                       const NodeSet& memory) const {
  Claim claim;
  claim.vm = request.name;
  claim.rt = request.rt;
  claim.cpus = cpuset;
  claim.request = &request;
  if (request.rt) claim.owned = topology.with_siblings(cpuset);
  claim.cpus |= claim.owned;
  if (request.emulator.where == EmulatorRequest::Where::explicit_set)
    claim.cpus |= request.emulator.cpus;
  claim.nodes = topology.nodes_of(claim.cpus) | memory;
  return claim;
}

CpuSet Ground::housekeeping(const CpuSet& owned) const {
  return online - isolated - services - owned;
}

const Choices& Ground::choices(bool rt) const {
  const auto known = choices_.find(rt);
  if (known != choices_.end()) return known->second;
  return choices_[rt] = choices_for(topology, input.policy.siblings, rt);
}

NodeSet memory_nodes(const HostTopology& topology, const VmRequest& request, const CpuSet& cpuset) {
  NodeSet nodes = request.numatune.set;
  if (!request.numatune.is_auto()) return nodes;
  nodes = topology.nodes_of(cpuset);
  for (const Node& node : topology.nodes) {
    if (topology.memory_known && node.memory.count() == 0) nodes.erase(node.id);
  }
  return nodes;
}

}  // namespace kvmrt::partition
