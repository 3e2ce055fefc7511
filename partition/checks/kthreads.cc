// SPDX-License-Identifier: MIT
// Catalogue section 2.6, first part: workqueues and kernel threads.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

Finding workqueues(const HostView& host, const Wanted& wanted) {
  const std::string folder = "/sys/devices/virtual/workqueue";
  const std::string want = wanted.housekeeping.hex_mask();
  std::vector<std::string> paths{folder + "/cpumask"};
  for (const std::string& name : host.list(folder))
    paths.push_back(folder + "/" + name + "/cpumask");
  std::vector<std::string> wide;
  bool any = false;
  for (const std::string& path : paths) {
    const auto text = text_of(host, path);
    const auto mask = text ? CpuSet::from_hex_mask(*text) : std::nullopt;
    any = any || mask.has_value();
    if (mask && mask->intersects(wanted.rt_cpus))
      wide.push_back(fmt::format("{}={}", path.substr(folder.size() + 1), *text));
  }
  if (!any) return unreadable(host, paths.front(), want);
  if (wide.empty()) return good("outside the RT CPUs", want);
  return at_start(wanted, some_of(wide, 3), want,
                  fix_at_start(fmt::format("echo {} > {}/cpumask", want, folder)));
}

struct Lowest {
  std::optional<int> priority;   ///< of the threads found; 0 for one without real-time policy
  std::vector<std::string> low;  ///< those not above the limit
};

/// The kernel threads NAME/N of the RT CPUs.
Lowest lowest_of(const HostView& host, const Wanted& wanted, const std::vector<std::string>& names,
                 int limit) {
  Lowest lowest;
  for (const Task& task : tasks(host)) {
    const auto slash = task.name.find('/');
    if (!task.is_kernel_thread() || slash == std::string::npos) continue;
    if (std::find(names.begin(), names.end(), task.name.substr(0, slash)) == names.end()) continue;
    const auto cpu = to_number(task.name.substr(slash + 1));
    if (!cpu || !wanted.rt_cpus.has(CpuId(static_cast<int>(*cpu)))) continue;
    const int priority = task.is_real_time() ? task.priority : 0;
    lowest.priority = std::min(priority, lowest.priority.value_or(99));
    if (priority <= limit) lowest.low.push_back(fmt::format("{} at {}", task.name, priority));
  }
  return lowest;
}

Finding above(const HostView& host, const Wanted& wanted, const std::vector<std::string>& names,
              int limit) {
  const std::string want = fmt::format("SCHED_FIFO above {}", limit);
  const Lowest lowest = lowest_of(host, wanted, names, limit);
  if (!lowest.priority) return unknown("no " + join(names, ", no ") + " thread to be seen", want);
  if (lowest.low.empty()) return good(fmt::format("{} or more", *lowest.priority), want);
  return at_start(wanted, some_of(lowest.low, 3), want,
                  fix_at_start(fmt::format("chrt -f -p {} TID", limit + 1)));
}

Finding softirq_priority(const HostView& host, const Wanted& wanted) {
  if (!is_rt_kernel(host)) return not_applicable("softirqs have no threads of their own here");
  return above(host, wanted, {"ksoftirqd", "ktimers"}, wanted.priority);
}

Finding callback_priority(const HostView& host, const Wanted& wanted) {
  if (!is_rt_kernel(host)) return not_applicable("RCU callbacks have no threads of their own here");
  return above(host, wanted, {"rcuc"}, wanted.priority + 1);
}

Finding rcu_threads(const HostView& host, const Wanted& wanted) {
  const std::string want = "RCU threads on " + wanted.housekeeping.list();
  std::vector<std::string> there;
  bool any = false;
  for (const Task& task : tasks(host)) {
    const bool rcu = task.name.starts_with("rcuo") || task.name.starts_with("rcu_");
    if (!rcu || !task.is_kernel_thread() || !task.is_movable()) continue;
    any = true;
    if (task.cpus.intersects(wanted.rt_cpus)) there.push_back(task.name);
  }
  if (!any) return unknown("no RCU thread to be seen", want);
  if (there.empty()) return good("outside the RT CPUs", want);
  return at_start(wanted, some_of(there, 3), want,
                  fix_at_start(fmt::format("taskset -pc {} TID", wanted.housekeeping.list())));
}

constexpr std::array kChecks{
    Check{"R1", "unbound work elsewhere", Level::recommended, Scope::rt_cpus,
          "kernel workers take any CPU of this mask", workqueues},
    Check{"R2", "softirq threads above the vCPUs", Level::required, Scope::rt_cpus,
          "they deliver the vCPU's own timers and interrupts", softirq_priority},
    Check{"R3", "RCU threads above softirqs", Level::recommended, Scope::rt_cpus,
          "a vCPU that never yields stalls RCU", callback_priority},
    Check{"R4", "movable RCU threads elsewhere", Level::recommended, Scope::rt_cpus,
          "offloaded callbacks are worth nothing on the CPU they left", rcu_threads},
};

}  // namespace

std::span<const Check> kthread_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
