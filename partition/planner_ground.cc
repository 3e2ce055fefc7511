// SPDX-License-Identifier: MIT
#include "partition/planner_ground.h"

#include <set>
#include <string_view>

namespace kvmrt::partition {
namespace {

Claim lease_claim(const HostTopology& topology, const Lease& lease) {
  Claim claim{lease.vm, lease.plan.rt, true, lease.plan.cpuset, lease.plan.owned_cpus, {}, nullptr};
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
  Claim claim{request.name, request.rt, false, cpuset, {}, {}, &request};
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

NodeSet memory_nodes(const HostTopology& topology, const VmRequest& request, const CpuSet& cpuset) {
  if (request.numatune.is_set()) return request.numatune.set;
  if (!request.numatune.is_auto()) return {};
  NodeSet nodes;
  for (const NodeId id : topology.nodes_of(cpuset).members()) {
    const Node* node = topology.find(id);
    if (node != nullptr && (!topology.memory_known || node->memory.count() > 0)) nodes.insert(id);
  }
  return nodes;
}

}  // namespace kvmrt::partition
