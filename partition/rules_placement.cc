// SPDX-License-Identifier: MIT
// Advice on where an RT VM lives, and beside whom.
#include <fmt/format.h>

#include "partition/planner_checks.h"
#include "partition/words.h"

namespace kvmrt::partition {
namespace {

std::string node_list(const NodeSet& nodes) { return "NUMA node " + nodes.list(); }

void advise_numatune(const NodeSet& cpu_nodes, Draft& draft) {
  const VmRequest& request = draft.request;
  const NodeSet& memory = draft.plan.numa_nodes;
  if (memory.empty()) {
    draft.findings.add("rt-numatune", "numatune",
                       request.numatune.is_auto()
                           ? "the nodes of the cpuset have no memory: any node may give it"
                           : fmt::format("off: memory may come from any node, the cpuset is on {}",
                                         node_list(cpu_nodes)),
                       "set numatune: auto");
  } else if (!memory.subset_of(cpu_nodes)) {
    draft.findings.add("rt-numatune", "numatune",
                       fmt::format("memory comes from {}, the cpuset is on {}", node_list(memory),
                                   node_list(cpu_nodes)),
                       "set numatune: auto");
  }
}

void advise_cpus(const Ground& ground, const NodeSet& cpu_nodes, Draft& draft) {
  const VmPlan& plan = draft.plan;
  if (cpu_nodes.count() > 1) {
    draft.findings.add(
        "rt-cpuset-spans-nodes", "cpuset",
        fmt::format("'{}' spans NUMA nodes {}", plan.cpuset.list(), cpu_nodes.list()),
        "'kvmrt cpu-topology --suggest' finds CPUs of one node");
  }
  const CpuSet first = plan.cpuset & ground.first_cores;
  if (!first.empty()) {
    draft.findings.add("rt-first-core", "cpuset",
                       cpus_that(first, "is of the first core of its package",
                                 "are of the first cores of their packages"),
                       "interrupts that cannot be moved arrive there; leave it to the host");
  }
  if (!draft.surplus.empty()) {
    draft.findings.add(
        "rt-surplus-cpus", "cpuset",
        cpus_that(draft.surplus, "is owned and runs", "are owned and run") + " nothing",
        "take what runs nothing out of cpuset");
  }
  const CpuSet unnamed = plan.offline_cpus - plan.cpuset;
  if (!unnamed.empty()) {
    draft.findings.add("siblings-go-offline", "cpuset",
                       cpus_that(unnamed, "goes offline while the VM runs, being a sibling",
                                 "go offline while the VM runs, being siblings"));
  }
}

/// CPUs of real-time vCPUs whose tick runs on.
void advise_nohz(const Ground& ground, Draft& draft) {
  CpuSet ticking;
  for (const ThreadPlan& thread : draft.plan.threads) {
    if (thread.thread_class == ThreadClass::vcpu && thread.scheduling.policy != Policy::other)
      ticking |= thread.cpus;
  }
  ticking -= ground.nohz_full;
  if (ticking.empty()) return;
  draft.findings.add("rt-without-nohz-full", "cpuset",
                     cpus_that(ticking, "is", "are") + " not in nohz_full",
                     fmt::format("boot the host with nohz_full={}", ticking.list()));
}

void advise_masks(const Ground& ground, Draft& draft) {
  CpuSet inside;
  std::string names;
  for (const ThreadPlan& thread : draft.plan.threads) {
    if (thread.cpus.count() < 2 || !thread.cpus.intersects(ground.isolated)) continue;
    inside |= thread.cpus & ground.isolated;
    names += (names.empty() ? "" : ", ") + thread.name;
  }
  if (names.empty()) return;
  draft.findings.add(
      "isolated-multi-cpu-mask", "cpuset",
      fmt::format("{} may use several CPUs, {} of them isolated at boot", names, inside.list()),
      "give each thread one CPU (realtime.pin), or name CPUs outside isolcpus");
}

}  // namespace

void advise_placement(const Ground& ground, Draft& draft) {
  advise_masks(ground, draft);
  if (!draft.request.rt || draft.plan.cpuset.empty()) return;
  const NodeSet cpu_nodes = ground.topology.nodes_of(draft.plan.cpuset);
  advise_cpus(ground, cpu_nodes, draft);
  if (!cpu_nodes.empty()) advise_numatune(cpu_nodes, draft);
  advise_nohz(ground, draft);
}

void advise_neighbours(const Ground& ground, Draft& draft) {
  NodeSet mine = ground.topology.nodes_of(draft.plan.cpuset) | draft.plan.numa_nodes;
  if (draft.request.emulated_graphics) {
    for (const Claim* other : draft.others) {
      if (!other->rt) continue;
      draft.findings.add("graphics-beside-rt", "graphics",
                         fmt::format("emulated graphics beside RT VM '{}'", other->vm),
                         "set graphics: none and video: off");
      break;
    }
  }
  for (const Claim* other : draft.others) {
    if (draft.request.rt && other->request->emulated_graphics)
      draft.findings.add("graphics-beside-rt", "",
                         fmt::format("VM '{}' beside it has emulated graphics", other->vm),
                         "set graphics: none and video: off there");
    if (!draft.request.rt && !other->rt) continue;
    const NodeSet common = mine & other->nodes;
    if (common.empty() || ground.topology.nodes.size() < 2) continue;
    draft.findings.add("rt-node-shared", "numatune",
                       fmt::format("{} is used by {}VM '{}' too", node_list(common),
                                   other->rt ? "RT " : "", other->vm),
                       "give each RT VM a node of its own where there are enough");
  }
}

}  // namespace kvmrt::partition
