// SPDX-License-Identifier: MIT
#include "partition/desired.h"

#include <algorithm>

#include "base/file.h"
#include "partition/desired_knobs.h"
#include "partition/device_wish.h"
#include "partition/tasks.h"

namespace kvmrt::partition {
CpuSet Division::narrowed(const CpuSet& original) const {
  if (!original.intersects(taken)) return original;
  CpuSet rest = original - taken - isolated;
  return rest.empty() ? housekeeping : rest;
}

CpuSet held_offline(const Ledger& ledger) {
  CpuSet cpus;
  constexpr std::string_view kPrefix = "/sys/devices/system/cpu/cpu";
  constexpr std::string_view kSuffix = "/online";
  for (const auto& [knob, record] : ledger.knobs) {
    if (!knob.starts_with(kPrefix) || !knob.ends_with(kSuffix)) continue;
    if (record.written != "0" || record.original != "1") continue;
    const auto id = knob.substr(kPrefix.size(), knob.size() - kPrefix.size() - kSuffix.size());
    if (const auto cpu = CpuSet::from_list(id)) cpus |= *cpu;
  }
  return cpus;
}

Division divide(const HostState& state, const Ledger& ledger) {
  Division division;
  division.isolated = state.isolated;
  const CpuSet held = held_offline(ledger);
  for (const Lease& lease : ledger.leases) {
    if (lease.plan.owned_cpus.empty()) continue;
    division.rt = true;
    division.owned |= lease.plan.owned_cpus;
    division.usable |= lease.plan.usable_cpus();
    if (ledger.policy.siblings != SiblingRule::leave) division.offline |= lease.plan.offline_cpus;
  }
  if (division.rt) {
    // A poll-mode switch's CPUs are owned like a VM's while there is one.
    for (const Service& service : ledger.policy.services) {
      division.owned |= service.cpus;
      division.usable |= service.cpus;
    }
  }
  if (division.rt) division.offline |= held;
  division.offline |= ledger.boot_offline;
  division.offline = division.offline - division.usable;
  division.taken = division.owned | division.offline;
  const CpuSet all = state.online | held;
  division.housekeeping = all - division.taken - division.isolated;
  // A host whose other CPUs are all isolated at boot has nothing better to offer.
  if (division.housekeeping.empty()) division.housekeeping = all - division.taken;
  return division;
}

bool uses_partition(const Lease& lease, bool partitions_to_be_had) {
  const VmPlan& plan = lease.plan;
  if (!partitions_to_be_had || plan.owned_cpus.empty()) return false;
  if (!plan.emulator_cpus.subset_of(plan.owned_cpus) || plan.emulator_cpus.empty()) return false;
  return std::all_of(plan.threads.begin(), plan.threads.end(), [&plan](const ThreadPlan& thread) {
    return thread.cpus.subset_of(plan.owned_cpus);
  });
}

Interest interest_of(const Ledger& ledger, const std::vector<Lease>& more) {
  Interest interest;
  interest.leases = ledger.leases;
  interest.leases.insert(interest.leases.end(), more.begin(), more.end());
  for (const Lease& lease : interest.leases) {
    interest.owned |= lease.plan.owned_cpus;
    interest.offline |= lease.plan.offline_cpus;
    for (const auto& wish : device_knobs(lease)) interest.recorded.push_back(wish.first);
  }
  interest.offline |= held_offline(ledger);
  interest.offline |= ledger.boot_offline;
  for (const Service& service : ledger.policy.services) {
    interest.owned |= service.cpus;
    interest.units.push_back(service.unit);
  }
  for (const auto& entry : ledger.knobs) interest.recorded.push_back(entry.first);
  // A VM that owns no CPU moves nobody and no interrupt: reading every one of them would be most of
  // what its start costs.
  interest.tasks = !(interest.owned.empty() && interest.offline.empty() && ledger.knobs.empty() &&
                     ledger.masks.empty() && ledger.policies.empty());
  interest.interrupts = interest.tasks || !interest.recorded.empty();
  return interest;
}

Desired desired(const HostState& state, const Ledger& ledger) {
  Desired wanted;
  const Division division = divide(state, ledger);
  want_knobs(state, ledger, division, wanted);
  want_masks(state, ledger, division, wanted);
  want_policies(state, ledger, division, wanted);
  return wanted;
}

}  // namespace kvmrt::partition
