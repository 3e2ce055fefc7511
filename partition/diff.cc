// SPDX-License-Identifier: MIT
#include "partition/diff.h"

#include <algorithm>

#include "partition/drivers.h"
#include "partition/links.h"
#include "partition/resctrl.h"

namespace kvmrt::partition {
namespace {

/// The order of docs/host-changes.md; what is given back comes first, in reverse.
enum Rank {
  kLinkBack = 9,
  kPolicyBack = 10,
  kThrottlingBack = 11,
  kPowerBack = 12,
  kCacheBack = 13,
  kPagesBack = 15,
  kPartitionBack = 20,
  kControllersBack = 21,
  kOnline = 30,
  kModule = 31,
  kOverride = 32,
  kDriver = 33,
  kLink = 34,
  kPages = 35,
  kBalancer = 39,
  kHostWide = 40,
  kInterrupt = 50,
  kOffline = 60,
  kControllers = 70,
  kPartition = 71,
  kMask = 80,
  kPower = 90,
  kCache = 91,
  kThrottling = 93,
  kPolicy = 95,
  kOverrideBack = 97,  // the driver's interrupts come up with the masks given back before
  kDriverBack = 98,
  kBalancerBack = 99,
};

int rank_of(const std::string& knob, const std::string& after, bool back) {
  // Ways leave the default class before a VM's class takes them, and return after it is gone.
  if (knob == kCacheKnob) return back ? kCacheBack + 1 : kCache;
  if (is_cache_class_knob(knob)) return after.empty() ? kCacheBack : kCache + 1;
  if (is_partition_knob(knob)) return after.empty() ? kPartitionBack : kPartition;
  if (is_link_knob(knob)) return after.empty() ? kLinkBack : kLink;
  if (is_module_knob(knob)) return kModule;
  if (is_override_knob(knob)) return back ? kOverrideBack : kOverride;
  if (is_driver_knob(knob)) return back ? kDriverBack : kDriver;
  if (knob == kControllersKnob) return back ? kControllersBack : kControllers;
  if (knob.ends_with("/online")) return after == "1" ? kOnline : kOffline;
  if (knob.ends_with("/nr_hugepages")) return back ? kPagesBack : kPages;
  if (knob.starts_with("irqbalance:")) return back ? kBalancerBack : kBalancer;
  if (knob == kThrottlingKnob || knob.ends_with("/runtime"))
    return back ? kThrottlingBack : kThrottling;
  if (knob.ends_with("/scaling_governor") || knob.ends_with("/pm_qos_resume_latency_us"))
    return back ? kPowerBack : kPower;
  if (knob.ends_with("/smp_affinity_list")) return kInterrupt;
  return kHostWide;
}

void add_knobs(const HostState& state, const Ledger& ledger, const Desired& wanted,
               std::vector<Step>& steps) {
  for (const auto& [knob, wish] : wanted.knobs) {
    if (in_place(state, knob, wish.value)) continue;
    const auto current = state.knobs.find(knob);
    const auto record = ledger.knobs.find(knob);
    const bool back =
        record != ledger.knobs.end() && same_value(knob, record->second.original, wish.value);
    Step step;
    step.rank = rank_of(knob, wish.value, back);
    step.change = {knob, current == state.knobs.end() ? "" : current->second, wish.value,
                   wish.reason, wish.disturbs};
    steps.push_back(std::move(step));
  }
}

/// A mask may become another one altogether: subsets alone do not tell why.
const char* why_masked(const Ledger& ledger, const Task& task, const CpuSet& wish) {
  const auto record = ledger.masks.find(task.tid.value());
  if (record != ledger.masks.end() && record->second.original == wish) return "as it was";
  return task.cpus.subset_of(wish) ? "on CPUs that are free again" : "off owned CPUs";
}

void add_masks(const HostState& state, const Ledger& ledger, const Desired& wanted,
               std::vector<Step>& steps) {
  for (const WantedMask& wish : wanted.masks) {
    const Task& task = state.tasks[wish.task];
    if (same_mask(state, task.cpus, wish.cpus)) continue;
    Step step;
    step.act = Step::Act::mask;
    step.rank = kMask;
    step.task = task.tid;
    step.start_time = task.start_time;
    step.change.reason = task.comm;
    step.before = task.cpus;
    step.cpus = wish.cpus;
    step.why = why_masked(ledger, task, wish.cpus);
    steps.push_back(std::move(step));
  }
}

void add_policies(const HostState& state, const Desired& wanted, std::vector<Step>& steps) {
  for (const WantedPolicy& wish : wanted.policies) {
    const Task& task = state.tasks[wish.task];
    if (task.scheduling == wish.scheduling) continue;
    Step step;
    step.act = Step::Act::policy;
    step.rank = wish.reason == "given back" ? kPolicyBack : kPolicy;
    step.task = task.tid;
    step.start_time = task.start_time;
    step.scheduling = wish.scheduling;
    step.scheduling_before = task.scheduling;
    step.change = {policy_knob(task.tid), to_text(task.scheduling), to_text(wish.scheduling),
                   task.comm + ": " + wish.reason, false};
    steps.push_back(std::move(step));
  }
}

/// A directory or an interface that is made and removed: its absence is a value.
bool is_made(const std::string& knob) {
  return is_partition_knob(knob) || is_cache_class_knob(knob) || is_link_knob(knob);
}

}  // namespace

bool in_place(const HostState& state, const std::string& knob, const std::string& wanted) {
  const auto current = state.knobs.find(knob);
  if (current == state.knobs.end()) return wanted.empty() || !is_made(knob);
  if (is_made(knob)) {
    // Present at all is not as wanted when it should be gone, whatever it reads.
    return !wanted.empty() && current->second == wanted;
  }
  return same_value(knob, current->second, wanted);
}

bool same_mask(const HostState& state, const CpuSet& a, const CpuSet& b) {
  return a == b || (a & state.online) == (b & state.online);
}

std::vector<Step> diff(const HostState& state, const Ledger& ledger, const Desired& wanted) {
  std::vector<Step> steps;
  add_knobs(state, ledger, wanted, steps);
  add_masks(state, ledger, wanted, steps);
  add_policies(state, wanted, steps);
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.rank < b.rank; });
  return steps;
}

Change change_of(const Step& step) {
  if (step.act != Step::Act::mask) return step.change;
  return {affinity_knob(step.task), step.before.list(), step.cpus.list(),
          step.change.reason + ": " + step.why, false};
}

std::vector<Change> changes_of(const std::vector<Step>& steps) {
  std::vector<Change> changes;
  changes.reserve(steps.size());
  for (const Step& step : steps) changes.push_back(change_of(step));
  return changes;
}

}  // namespace kvmrt::partition
