// SPDX-License-Identifier: MIT
#include "partition/suggest.h"

#include <fmt/format.h>

#include "partition/planner_auto.h"

namespace kvmrt::partition {
namespace {

VmRequest request_of(int nr_vcpus, EmulatorRequest::Where emulator) {
  VmRequest request;
  request.nr_vcpus = nr_vcpus;
  request.emulator.where = emulator;
  request.cpuset = Choice<CpuSet>::automatic();
  request.numatune = Choice<NodeSet>::automatic();
  request.rt = request.rt_memory = true;
  request.memory = Bytes(0);
  for (int i = 0; i < nr_vcpus; ++i) request.rt_vcpus.push_back(i);
  return request;
}

std::string kinds(const HostTopology& topology, const CpuSet& cpuset) {
  const CpuSet nohz = cpuset & topology.nohz_full();
  const CpuSet isolated = cpuset & topology.isolated();
  if (nohz == cpuset) return "all of them have nohz_full";
  if (isolated == cpuset) return "all of them are isolated at boot; none better has nohz_full";
  if (nohz.empty() && isolated.empty()) return "no free CPU has nohz_full or is isolated at boot";
  return fmt::format("nohz_full: {}, isolated at boot: {}", nohz.empty() ? "none" : nohz.list(),
                     isolated.empty() ? "none" : isolated.list());
}

std::string siblings(const VmPlan& plan) {
  if (plan.offline_cpus.empty()) return "each is a core of its own, no sibling goes offline";
  return fmt::format("one CPU per core; the siblings {} go offline meanwhile",
                     plan.offline_cpus.list());
}

std::vector<std::string> reasons_for(const HostTopology& topology, const VmPlan& plan,
                                     const Selection& selection) {
  const int caches = selection.cost.llcs;
  const NodeSet nodes = topology.nodes_of(plan.cpuset);
  std::vector<std::string> reasons;
  reasons.push_back(fmt::format("{} {} for the emulator threads, {} for the vCPUs",
                                plan.emulator_cpus.count() == 1 ? "CPU" : "housekeeping CPUs",
                                plan.emulator_cpus.count() == 1
                                    ? plan.emulator_cpus.list() + " is"
                                    : plan.emulator_cpus.list() + " are",
                                (plan.cpuset - plan.emulator_cpus).list()));
  reasons.push_back(kinds(topology, plan.cpuset));
  reasons.push_back(selection.cost.nodes == 1
                        ? fmt::format("all on NUMA node {}{}", nodes.list(),
                                      caches == 1 ? " under one last-level cache" : "")
                        : fmt::format("no single NUMA node has enough free cores, these are on {}",
                                      nodes.list()));
  reasons.push_back(siblings(plan));
  reasons.push_back(
      "the highest free cores are taken, the first core of each package is left to the host");
  if (selection.cost.foreign_nodes > 0)
    reasons.emplace_back("another VM works on that node already, no other node has room");
  return reasons;
}

}  // namespace

Checked<Suggestion> suggest(const PlanningInput& input, int nr_vcpus,
                            EmulatorRequest::Where emulator) {
  const VmRequest request = request_of(nr_vcpus, emulator);
  const Ground ground(input, Ground::Scope::one_vm);
  std::vector<const Claim*> others;
  for (const Claim& claim : ground.claims) others.push_back(&claim);
  std::size_t free = 0;
  const auto selection = select_cpus(ground, others, request, free);
  PlanResult result = plan(input, request);
  if (!selection) {
    Problems errors;
    for (Problem& problem : result.problems) {
      if (problem.code == "auto-no-room") errors.push_back(std::move(problem));
    }
    return errors;
  }
  Suggestion suggestion{std::move(result.plan), {}};
  suggestion.reasons = reasons_for(input.topology, suggestion.plan, *selection);
  return suggestion;
}

}  // namespace kvmrt::partition
