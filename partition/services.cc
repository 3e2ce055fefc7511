// SPDX-License-Identifier: MIT
#include "partition/services.h"

#include <algorithm>

namespace kvmrt::partition {

Services::Services(const HostState& state, const Ledger& ledger) : state_(state), ledger_(ledger) {
  if (state.service_of.empty()) return;
  for (const Task& task : state.tasks) {
    if (binds_itself(task)) bound_.insert(of(task)->unit);
  }
}

const Service* Services::of(const Task& task) const {
  const auto unit = state_.service_of.find(task.process.value());
  if (unit == state_.service_of.end()) return nullptr;
  const auto& services = ledger_.policy.services;
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&](const Service& one) { return one.unit == unit->second; });
  return found == services.end() ? nullptr : &*found;
}

bool Services::binds_itself(const Task& task) const {
  const Service* service = of(task);
  if (service == nullptr || !task.cpus.subset_of(service->cpus)) return false;
  const auto record = ledger_.masks.find(task.tid.value());
  const bool recorded =
      record != ledger_.masks.end() && record->second.start_time == task.start_time;
  if (!recorded || record->second.original.subset_of(service->cpus)) return true;
  // While a change is pending, what is written down may not be done yet.
  return !ledger_.pending && record->second.written != service->cpus;
}

const CpuSet* Services::place_of(const Task& task) const {
  const Service* service = of(task);
  if (service == nullptr || bound_.contains(service->unit) || !task.movable) return nullptr;
  return &service->cpus;
}

}  // namespace kvmrt::partition
