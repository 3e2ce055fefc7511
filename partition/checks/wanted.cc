// SPDX-License-Identifier: MIT
#include "partition/checks/wanted.h"

#include <algorithm>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

/// Every sibling but the lowest of the set, for each core that the set touches.
CpuSet siblings_to_stop(const HostView& host, const CpuSet& cpus) {
  CpuSet stop;
  for (const CpuId cpu : cpus.members()) {
    if (stop.has(cpu)) continue;
    CpuSet others = siblings_of(host, cpu);
    others.erase(cpu);
    stop |= others;
  }
  return stop;
}

void add_vm(Wanted& wanted, const WantedVm& vm) {
  wanted.memory.push_back({vm.request.name, vm.request.memory, vm.request.hugepages,
                           vm.plan.numa_nodes, vm.request.rt_memory, vm.qemu});
  wanted.pci.insert(wanted.pci.end(), vm.request.pci.begin(), vm.request.pci.end());
  if (!vm.request.rt) return;
  wanted.rt_vms.push_back(vm.request.name);
  // Not what it owns: that includes a sibling which cannot go offline.
  wanted.rt_cpus |= vm.plan.cpuset - vm.plan.offline_cpus;
  wanted.siblings |= vm.plan.offline_cpus;
  wanted.priority = std::max(wanted.priority, vm.request.realtime.priority);
  if (vm.budget_us > 0)
    wanted.budget_us =
        wanted.budget_us == 0 ? vm.budget_us : std::min(wanted.budget_us, vm.budget_us);
}

void judge_in_general(Wanted& wanted, const HostView& host, const std::string& source) {
  const CpuSet set_apart = isolated_at_boot(host) | nohz_full(host);
  wanted.siblings = siblings_to_stop(host, set_apart);
  wanted.rt_cpus = set_apart - wanted.siblings;
  wanted.why_no_rt_cpus =
      "no RT CPUs known: no RT profile in " + source + ", and no CPU is isolated at boot";
}

}  // namespace

Wanted wanted_of(const HostView& host, std::span<const WantedVm> vms, const std::string& source) {
  Wanted wanted;
  for (const WantedVm& vm : vms) add_vm(wanted, vm);
  // Also those that the plan cannot take down: the check says so.
  for (const CpuId cpu : wanted.rt_cpus.members()) wanted.siblings |= siblings_of(host, cpu);
  wanted.siblings -= wanted.rt_cpus;
  if (!wanted.rt()) judge_in_general(wanted, host, source);
  wanted.running = wanted.rt() && std::all_of(vms.begin(), vms.end(), [](const WantedVm& vm) {
                     return !vm.request.rt || vm.qemu.has_value();
                   });
  wanted.housekeeping = online_cpus(host) - wanted.rt_cpus - wanted.siblings;
  return wanted;
}

}  // namespace kvmrt::partition::checks
