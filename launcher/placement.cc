// SPDX-License-Identifier: MIT
#include "launcher/placement.h"

#include <algorithm>
#include <fmt/format.h>

namespace kvmrt::launcher {
namespace {

using partition::CpuSet;
using partition::Policy;
using partition::Scheduling;
using partition::ThreadClass;
using partition::ThreadPlan;
using partition::VmPlan;

const ThreadPlan* plan_of(const Thread& thread, const VmPlan& plan) {
  const auto found = std::ranges::find_if(plan.threads, [&](const ThreadPlan& planned) {
    if (planned.thread_class != thread.thread_class) return false;
    if (thread.thread_class == ThreadClass::vcpu) return planned.index == thread.index;
    if (thread.thread_class == ThreadClass::iothread) return planned.name == thread.name;
    return thread.thread_class == ThreadClass::emulator;
  });
  return found == plan.threads.end() ? nullptr : &*found;
}

/// A VM that asks for nothing is left to the scheduler.
bool has_wishes(const VmPlan& plan) {
  return std::ranges::any_of(plan.threads, [](const ThreadPlan& planned) {
    return !planned.cpus.empty() || planned.scheduling.policy != Policy::other;
  });
}

/// Housekeeping CPUs are shared; when another VM starts, some of them may go.
bool shares_housekeeping(const CpuSet& cpus, const VmPlan& plan) {
  return cpus.count() > 1 && !cpus.intersects(plan.owned_cpus);
}

/// Threads that the plan does not name: workers, monitor thread, kernel helpers, iothreads of
/// extra_args. All live with the emulator threads; only those follow the emulator's policy.
void place_unnamed(ThreadSetting& setting, const Thread& thread, const VmPlan& plan) {
  setting.cpus = plan.emulator_cpus;
  if (setting.cpus.empty() && !plan.cpuset.empty()) setting.cpus = plan.housekeeping_cpus;
  if (thread.kernel_thread) setting.fallback = plan.housekeeping_cpus;
  setting.scheduling = Scheduling{};
}

ThreadSetting setting_of(const Thread& thread, const VmPlan& plan, Promotion promotion) {
  ThreadSetting setting{thread.tid, thread.thread_class, thread.index, thread.name, {}, {}, false,
                        {}};
  if (!has_wishes(plan)) return setting;
  if (const ThreadPlan* planned = plan_of(thread, plan)) {
    setting.cpus = planned->cpus;
    setting.scheduling = planned->scheduling;
  } else {
    place_unnamed(setting, thread, plan);
  }
  if (thread.fixed_affinity) setting.cpus = setting.fallback = CpuSet();
  if (thread.thread_class == ThreadClass::vcpu) {
    if (promotion == Promotion::not_yet) setting.scheduling = Scheduling{};
  } else {
    setting.subset_serves = shares_housekeeping(setting.cpus, plan);
  }
  return setting;
}

bool good_cpus(const ThreadFacts& actual, const ThreadSetting& setting) {
  if (setting.cpus.empty() || actual.cpus == setting.cpus) return true;
  if (!setting.fallback.empty() && !actual.cpus.empty() && actual.cpus.subset_of(setting.fallback))
    return true;
  return setting.subset_serves && !actual.cpus.empty() && actual.cpus.subset_of(setting.cpus);
}

bool real_time(const Scheduling& scheduling) { return scheduling.policy != Policy::other; }

void compare(const ThreadFacts& actual, const ThreadSetting& setting,
             std::vector<Mismatch>& differences) {
  const auto add = [&](std::string what, std::string want, std::string found) {
    differences.push_back(
        {setting.tid, setting.name, std::move(what), std::move(want), std::move(found)});
  };
  if (!good_cpus(actual, setting)) add("allowed CPUs", setting.cpus.list(), actual.cpus.list());
  if (!setting.scheduling) return;
  const Scheduling& want = *setting.scheduling;
  if (actual.policy != policy_number(want.policy))
    add("policy", to_string(want.policy), policy_name(actual.policy));
  else if (real_time(want) && actual.priority != want.priority)
    add("priority", std::to_string(want.priority), std::to_string(actual.priority));
  else if (real_time(want) && actual.reset_on_fork == false)
    add("reset-on-fork flag", "set", "clear");
}

const ThreadFacts* facts_of(Tid tid, const std::vector<ThreadFacts>& actual) {
  const auto found = std::ranges::find(actual, tid, &ThreadFacts::tid);
  return found == actual.end() ? nullptr : &*found;
}

bool must_live(const ThreadSetting& setting) {
  return setting.thread_class == ThreadClass::vcpu || setting.thread_class == ThreadClass::iothread;
}

}  // namespace

std::vector<ThreadSetting> wanted(const std::vector<Thread>& threads, const VmPlan& plan,
                                  Promotion promotion) {
  std::vector<ThreadSetting> settings;
  settings.reserve(threads.size());
  for (const Thread& thread : threads) settings.push_back(setting_of(thread, plan, promotion));
  return settings;
}

std::string to_string(const Mismatch& mismatch) {
  std::string who = mismatch.thread;
  if (mismatch.tid.value() > 0) who += fmt::format(" (thread {})", mismatch.tid.value());
  return fmt::format("{}: {}: wanted {}, found {}", who, mismatch.what, mismatch.wanted,
                     mismatch.found);
}

bool meets(const ThreadFacts& actual, const ThreadSetting& setting) {
  std::vector<Mismatch> differences;
  compare(actual, setting, differences);
  return differences.empty();
}

std::vector<Mismatch> mismatches(const std::vector<ThreadSetting>& wanted,
                                 const std::vector<ThreadFacts>& actual) {
  std::vector<Mismatch> differences;
  for (const ThreadSetting& setting : wanted) {
    if (const ThreadFacts* facts = facts_of(setting.tid, actual))
      compare(*facts, setting, differences);
    else if (must_live(setting))
      differences.push_back({setting.tid, setting.name, "thread", "alive", "gone"});
  }
  return differences;
}

std::vector<ThreadSetting> unmet(const std::vector<ThreadSetting>& wanted,
                                 const std::vector<ThreadFacts>& actual) {
  std::vector<ThreadSetting> left;
  for (const ThreadSetting& setting : wanted) {
    const ThreadFacts* facts = facts_of(setting.tid, actual);
    if (facts != nullptr && !meets(*facts, setting)) left.push_back(setting);
  }
  return left;
}

std::string shown(const ThreadSetting& setting) {
  return fmt::format("{} (thread {})", setting.name, setting.tid.value());
}

}  // namespace kvmrt::launcher
