// SPDX-License-Identifier: MIT
// Whether a request makes sense on this host at all: CPUs and nodes exist and are usable.
#include <fmt/format.h>

#include "partition/planner_checks.h"
#include "partition/words.h"

namespace kvmrt::partition {
namespace {

using Where = EmulatorRequest::Where;

void check_exist(const Ground& ground, Draft& draft, const CpuSet& cpus, const std::string& key) {
  const CpuSet unknown = cpus - ground.present;
  if (!unknown.empty()) {
    draft.findings.add(
        "cpu-unknown", key,
        cpus_that(unknown, "does", "do") + " not exist, the host has CPUs " + ground.present.list(),
        "'kvmrt cpu-topology' shows the host");
  }
  const auto& allowed = ground.input.allowed;
  if (!allowed) return;
  const CpuSet forbidden = (cpus & ground.present) - *allowed;
  if (forbidden.empty()) return;
  draft.findings.add("cpu-not-allowed", key,
                     cpus_that(forbidden, "is", "are") +
                         fmt::format(" outside the CPUs {} of our cgroup", allowed->list()),
                     "start kvmrt in a cgroup whose cpuset holds it");
}

void report_offline(const Ground& ground, Draft& draft, const CpuSet& offline,
                    const std::string& key) {
  const CpuSet ours = offline & ground.taken_offline;
  const CpuSet foreign = offline - ours;
  if (!foreign.empty()) {
    draft.findings.add(
        "cpu-offline", key, cpus_that(foreign, "is offline", "are offline"),
        fmt::format("echo 1 > /sys/devices/system/cpu/cpu{}/online", foreign.lowest()->value()));
  }
  if (!ours.empty()) {
    draft.findings.add("cpu-offline", key,
                       cpus_that(ours, "is offline as a sibling of an RT VM's CPU",
                                 "are offline as siblings of RT VMs' CPUs"),
                       "back when the last RT VM ends; held since boot with siblings: at-boot");
  }
}

void check_emulator_cpus(const Ground& ground, Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.emulator.where != Where::explicit_set) return;
  const std::string key = "realtime.emulator_cpuset";
  check_exist(ground, draft, request.emulator.cpus, key);
  report_offline(ground, draft, (request.emulator.cpus & ground.present) - ground.online, key);
  const CpuSet leaving = request.emulator.cpus & draft.share.offline & ground.online;
  if (leaving.empty()) return;
  draft.findings.add("cpu-offline", key,
                     cpus_that(leaving, "goes offline with the VM, being a sibling of its CPUs",
                               "go offline with the VM, being siblings of its CPUs"));
}

void check_node_set(const Ground& ground, Draft& draft, const NodeSet& nodes,
                    const std::string& key) {
  for (const NodeId id : nodes.members()) {
    const Node* node = ground.topology.find(id);
    if (node == nullptr) {
      draft.findings.add("node-unknown", key,
                         fmt::format("NUMA node {} does not exist, the host has {} nodes",
                                     id.value(), ground.topology.nodes.size()),
                         "'kvmrt cpu-topology' shows the host");
    } else if (ground.topology.memory_known && node->memory.count() == 0) {
      draft.findings.add("node-without-memory", key,
                         fmt::format("NUMA node {} has no memory", id.value()));
    }
  }
}

}  // namespace

void check_rt_request(Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.rt && !request.cpuset.is_auto() && request.cpuset.set.empty()) {
    draft.findings.add("rt-no-cpuset", "cpuset", "an RT VM needs a cpuset",
                       "'kvmrt cpu-topology --suggest " + std::to_string(request.nr_vcpus) +
                           "' proposes one; 'cpuset: auto' lets kvmrt choose");
  }
  if (request.rt && !request.rt_memory) {
    draft.findings.add("rt-memory-off", "rt_memory", "an RT VM needs its memory locked",
                       "set rt_memory: auto");
  }
  for (const int vcpu : request.rt_vcpus) {
    if (!request.rt || (vcpu >= 0 && vcpu < request.nr_vcpus)) continue;
    draft.findings.add("vcpu-unknown", "realtime.vcpus",
                       fmt::format("vCPU {} is to be real-time, the VM has vCPUs 0-{}", vcpu,
                                   request.nr_vcpus - 1));
  }
}

void check_cpus(const Ground& ground, Draft& draft) {
  const CpuSet& cpuset = draft.plan.cpuset;
  check_exist(ground, draft, cpuset, "cpuset");
  CpuSet offline = (cpuset & ground.present) - ground.online;
  // What we hold offline ourselves counts as online for an RT VM: the siblings that it names stay
  // down, others are brought back for it.
  if (draft.request.rt) offline -= ground.taken_offline;
  report_offline(ground, draft, offline, "cpuset");
  for (const auto& [vcpu, cpu] : draft.request.pin) {
    const CpuSet pinned = CpuSet::of(cpu) - cpuset;
    check_exist(ground, draft, pinned, fmt::format("realtime.pin.{}", vcpu));
  }
  check_emulator_cpus(ground, draft);
}

void check_nodes(const Ground& ground, Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.numatune.is_set()) check_node_set(ground, draft, request.numatune.set, "numatune");
  for (std::size_t i = 0; i < request.guest_nodes.size(); ++i)
    check_node_set(ground, draft, request.guest_nodes[i].host_nodes,
                   fmt::format("numa[{}].host_nodes", i));
}

}  // namespace kvmrt::partition
