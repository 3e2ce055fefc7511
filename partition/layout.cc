// SPDX-License-Identifier: MIT
#include "partition/layout.h"

#include <algorithm>
#include <fmt/format.h>

namespace kvmrt::partition {
namespace {

using Where = EmulatorRequest::Where;

bool is_realtime(const VmRequest& request, int vcpu) {
  return request.rt && std::find(request.rt_vcpus.begin(), request.rt_vcpus.end(), vcpu) !=
                           request.rt_vcpus.end();
}

ThreadPlan vcpu_thread(const VmRequest& request, int vcpu, CpuSet cpus) {
  ThreadPlan thread{ThreadClass::vcpu, vcpu, fmt::format("vcpu{}", vcpu), std::move(cpus), {}};
  if (is_realtime(request, vcpu)) thread.scheduling = request.realtime;
  return thread;
}

ThreadPlan emulator_thread(const VmRequest& request, const CpuSet& cpus) {
  return {ThreadClass::emulator, std::nullopt, "emulator", cpus, request.emulator.scheduling};
}

void append_iothreads(Layout& layout, const VmRequest& request) {
  for (const IothreadRequest& iothread : request.iothreads) {
    layout.threads.push_back({ThreadClass::iothread, std::nullopt, iothread.name,
                              iothread.cpus.value_or(layout.emulator_cpus), iothread.scheduling});
  }
}

/// The CPUs of a cpuset that explicit keys give to threads other than vCPUs.
CpuSet iothread_cpus(const VmRequest& request) {
  CpuSet all;
  for (const IothreadRequest& iothread : request.iothreads) {
    if (iothread.cpus) all |= *iothread.cpus;
  }
  return all;
}

CpuSet emulator_cpus(const VmRequest& request, const CpuSet& usable, const CpuSet& housekeeping) {
  switch (request.emulator.where) {
    case Where::rule:
      return usable.empty() ? CpuSet{} : CpuSet::of(*usable.lowest());
    case Where::housekeeping:
      return housekeeping;
    case Where::explicit_set:
      return request.emulator.cpus;
  }
  return {};
}

std::string pin_key(int vcpu) { return fmt::format("realtime.pin.{}", vcpu); }

/// Whether the vCPU may have that CPU; says why not.
bool pin_fits(const VmRequest& request, int vcpu, CpuId cpu, const CpuSet& usable,
              const CpuSet& other_threads, Findings& findings) {
  if (vcpu < 0 || vcpu >= request.nr_vcpus) {
    findings.add(
        "vcpu-unknown", pin_key(vcpu),
        fmt::format("vCPU {} is pinned, the VM has vCPUs 0-{}", vcpu, request.nr_vcpus - 1));
    return false;
  }
  if (!usable.has(cpu)) {
    findings.add("pin-unusable", pin_key(vcpu),
                 fmt::format("vCPU {} is pinned to CPU {}, the VM's usable CPUs are '{}'", vcpu,
                             cpu.value(), usable.list()),
                 "of the siblings of one core only the lowest one named in cpuset is usable");
    return false;
  }
  if (!other_threads.has(cpu)) return true;
  findings.add("emulator-shares-rt-cpu", pin_key(vcpu),
               fmt::format("vCPU {} is pinned to CPU {}, where emulator threads or an iothread run",
                           vcpu, cpu.value()),
               "pin it elsewhere, or set realtime.emulator_cpuset");
  return false;
}

/// CPU of each vCPU by explicit pins; takes them out of `pool`.
std::vector<CpuSet> apply_pins(const VmRequest& request, const CpuSet& usable,
                               const CpuSet& other_threads, CpuSet& pool, Findings& findings) {
  std::vector<CpuSet> places(static_cast<std::size_t>(request.nr_vcpus));
  CpuSet pinned;
  for (const auto& [vcpu, cpu] : request.pin) {
    if (!pin_fits(request, vcpu, cpu, usable, other_threads, findings)) continue;
    if (pinned.has(cpu)) {
      findings.add("pin-conflict", pin_key(vcpu),
                   fmt::format("CPU {} is pinned to two vCPUs", cpu.value()));
      continue;
    }
    pinned.insert(cpu);
    places[static_cast<std::size_t>(vcpu)] = CpuSet::of(cpu);
  }
  pool -= pinned;
  return places;
}

void report_too_few(const VmRequest& request, const CpuSet& usable, std::size_t others,
                    Findings& findings) {
  const auto needed = static_cast<std::size_t>(request.nr_vcpus) + others;
  const bool rule = request.emulator.where == Where::rule;
  findings.add(
      "rt-too-few-cpus", "cpuset",
      fmt::format("{} CPUs needed ({} for vCPUs{}), '{}' offers {} usable: '{}'", needed,
                  request.nr_vcpus,
                  others > 0 ? fmt::format(", {} for emulator threads and iothreads", others) : "",
                  request.cpuset.is_auto() ? "auto" : request.cpuset.set.list(), usable.count(),
                  usable.list()),
      rule ? "add CPUs of further cores to cpuset, or set realtime.emulator_cpuset: "
             "housekeeping"
           : "add CPUs of further cores to cpuset");
}

/// vCPUs without a pin get the CPUs of the pool in ascending order. False: too few.
bool fill_places(std::vector<CpuSet>& places, CpuSet& pool) {
  bool enough = true;
  for (CpuSet& place : places) {
    if (!place.empty()) continue;
    const auto cpu = pool.lowest();
    if (!cpu) {
      enough = false;
      continue;
    }
    place = CpuSet::of(*cpu);
    pool.erase(*cpu);
  }
  return enough;
}

/// rj goes to vCPU j mod n; with fewer CPUs than vCPUs, vCPU i uses r(i mod k).
std::vector<CpuSet> round_robin(const CpuSet& pool, int nr_vcpus) {
  const auto vcpus = static_cast<std::size_t>(nr_vcpus);
  std::vector<CpuSet> places(vcpus);
  const auto cpus = pool.members();
  if (cpus.empty()) return places;
  for (std::size_t j = 0; j < std::max(cpus.size(), vcpus); ++j)
    places[j % vcpus].insert(cpus[j % cpus.size()]);
  return places;
}

void report_iothreads_outside(const VmRequest& request, const CpuSet& cpuset, Findings& findings) {
  for (std::size_t i = 0; i < request.iothreads.size(); ++i) {
    const IothreadRequest& iothread = request.iothreads[i];
    if (!iothread.cpus || iothread.cpus->subset_of(cpuset)) continue;
    findings.add("iothread-outside-cpuset", fmt::format("iothreads[{}].cpuset", i),
                 fmt::format("iothread '{}' is to run on CPUs '{}', usable CPUs of the VM are '{}'",
                             iothread.name, iothread.cpus->list(), cpuset.list()));
  }
}

}  // namespace

CoreShare share_cores(const HostTopology& topology, const CpuSet& cpuset, SiblingRule rule,
                      const CpuSet& taken_offline) {
  CoreShare share;
  share.owned = topology.with_siblings(cpuset);
  if (rule == SiblingRule::leave) {
    share.usable = cpuset;
    return share;
  }
  for (const CpuId id : cpuset.members()) {
    const Cpu* cpu = topology.find(id);
    if (cpu == nullptr || (cpu->siblings & cpuset).lowest().value_or(id) == id)
      share.usable.insert(id);
  }
  for (const CpuId id : (share.owned - share.usable).members()) {
    const Cpu* sibling = topology.find(id);
    if (sibling == nullptr || (!sibling->online && !taken_offline.has(id))) continue;
    (sibling->can_go_offline ? share.offline : share.unmovable).insert(id);
  }
  return share;
}

Layout lay_out_rt(const VmRequest& request, const CpuSet& usable, const CpuSet& housekeeping,
                  Findings& findings) {
  Layout layout;
  layout.emulator_cpus = emulator_cpus(request, usable, housekeeping);
  report_iothreads_outside(request, usable, findings);
  const CpuSet others = layout.emulator_cpus | iothread_cpus(request);
  CpuSet pool = usable - others;
  auto places = apply_pins(request, usable, others, pool, findings);
  if (!fill_places(places, pool) && !usable.empty()) {
    const std::size_t apart = request.emulator.where == Where::rule ? 1 : 0;
    report_too_few(request, usable, std::max((usable & others).count(), apart), findings);
  }
  layout.surplus = pool;
  layout.threads.push_back(emulator_thread(request, layout.emulator_cpus));
  for (int vcpu = 0; vcpu < request.nr_vcpus; ++vcpu)
    layout.threads.push_back(
        vcpu_thread(request, vcpu, std::move(places[static_cast<std::size_t>(vcpu)])));
  append_iothreads(layout, request);
  return layout;
}

Layout lay_out_biased(const VmRequest& request, const CpuSet& cpuset, const CpuSet& housekeeping,
                      Findings& findings) {
  Layout layout;
  layout.emulator_cpus = emulator_cpus(request, cpuset, housekeeping);
  CpuSet pool = cpuset;
  if (request.emulator.where == Where::rule && cpuset.count() > 1) pool -= layout.emulator_cpus;
  if (!cpuset.empty()) report_iothreads_outside(request, cpuset, findings);
  auto places = round_robin(pool, request.nr_vcpus);
  for (const auto& [vcpu, cpu] : request.pin) {
    const CpuSet any = cpuset.empty() ? CpuSet::of(cpu) : cpuset;
    if (pin_fits(request, vcpu, cpu, any, {}, findings))
      places[static_cast<std::size_t>(vcpu)] = CpuSet::of(cpu);
  }
  layout.threads.push_back(emulator_thread(request, layout.emulator_cpus));
  for (int vcpu = 0; vcpu < request.nr_vcpus; ++vcpu)
    layout.threads.push_back(
        vcpu_thread(request, vcpu, std::move(places[static_cast<std::size_t>(vcpu)])));
  append_iothreads(layout, request);
  return layout;
}

}  // namespace kvmrt::partition
