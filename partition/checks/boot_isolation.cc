// SPDX-License-Identifier: MIT
// Catalogue section 2.3, first part: boot parameters that set CPUs apart.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

Finding covers(const CpuSet& found, const Wanted& wanted, std::string_view name, std::string fix) {
  const std::string want = fmt::format("{} covers {}", name, wanted.rt_cpus.list());
  return verdict(
      wanted.rt_cpus.subset_of(found),
      found.empty() ? fmt::format("no {}", name) : fmt::format("{}={}", name, found.list()), want,
      std::move(fix));
}

Finding tickless(const HostView& host, const Wanted& wanted) {
  return covers(nohz_full(host), wanted, "nohz_full",
                fix_boot("nohz_full=" + wanted.rt_cpus.list()));
}

Finding callbacks(const HostView& host, const Wanted& wanted) {
  // nohz_full implies it: Documentation/admin-guide/kernel-parameters.rst.
  return covers(boot_cpus(host, "rcu_nocbs") | nohz_full(host), wanted, "rcu_nocbs",
                fix_boot("rcu_nocbs=" + wanted.rt_cpus.list()));
}

bool has_cpuset_controller(const HostView& host) {
  const std::string text = text_of(host, "/sys/fs/cgroup/cgroup.controllers").value_or("");
  const auto controllers = fields_of(text);
  return std::find(controllers.begin(), controllers.end(), "cpuset") != controllers.end();
}

Finding domain_isolation(const HostView& host, const Wanted& wanted) {
  const CpuSet partitioned =
      cpus_of(host, "/sys/fs/cgroup/cpuset.cpus.isolated").value_or(CpuSet{});
  const CpuSet isolated = isolated_at_boot(host) | partitioned;
  const std::string want =
      fmt::format("isolcpus or an isolated partition covers {}", wanted.rt_cpus.list());
  if (wanted.rt_cpus.subset_of(isolated)) return good("isolated: " + isolated.list(), want);
  if (has_cpuset_controller(host) && !wanted.running)
    return good("not at boot; kvmrt-launch makes an isolated partition at start", want);
  return bad(isolated.empty() ? "no CPU isolated" : "isolated: " + isolated.list(), want,
             fix_boot("isolcpus=managed_irq,domain," + wanted.rt_cpus.list()));
}

Finding managed_interrupts(const HostView& host, const Wanted& wanted) {
  const auto value = boot_parameter(host, "isolcpus");
  const std::string want = fmt::format("isolcpus=managed_irq,… covers {}", wanted.rt_cpus.list());
  const bool holds = value && value->find("managed_irq") != std::string::npos &&
                     wanted.rt_cpus.subset_of(boot_cpus(host, "isolcpus"));
  return verdict(holds, value ? "isolcpus=" + *value : "no isolcpus", want,
                 fix_boot("isolcpus=managed_irq,domain," + wanted.rt_cpus.list()));
}

Finding boot_interrupts(const HostView& host, const Wanted& wanted) {
  const auto value = boot_parameter(host, "irqaffinity");
  const std::string want = "irqaffinity=" + wanted.housekeeping.list();
  const std::string fix = fix_boot(want);
  if (!value) return bad("no irqaffinity", want, fix);
  const CpuSet clash = boot_cpus(host, "irqaffinity") & (wanted.rt_cpus | wanted.siblings);
  return verdict(clash.empty(), "irqaffinity=" + *value, want, fix);
}

/// A parameter that must stand on the command line with exactly this value.
Finding expect_boot(const HostView& host, std::string_view name, const std::string& value) {
  const std::string want = fmt::format("{}={}", name, value);
  if (!host.read("/proc/cmdline").ok()) return unreadable(host, "/proc/cmdline", want);
  const auto found = boot_parameter(host, name);
  return verdict(found == value, found ? fmt::format("{}={}", name, *found) : "not set", want,
                 fix_boot(want));
}

Finding skewed_ticks(const HostView& host, const Wanted& /*wanted*/) {
  return expect_boot(host, "skew_tick", "1");
}

Finding trusted_tsc(const HostView& host, const Wanted& /*wanted*/) {
  return expect_boot(host, "tsc", "reliable");
}

Finding normal_grace_periods(const HostView& host, const Wanted& /*wanted*/) {
  const auto now = module_parameter(host, "rcupdate", "rcu_normal_after_boot");
  if (now == "1") return good("rcu_normal_after_boot=1", "rcupdate.rcu_normal_after_boot=1");
  if (is_rt_kernel(host) && !now)
    return good("the default of PREEMPT_RT", "rcupdate.rcu_normal_after_boot=1");
  return expect_boot(host, "rcupdate.rcu_normal_after_boot", "1");
}

Finding patient_rcu(const HostView& host, const Wanted& /*wanted*/) {
  const auto now = module_parameter(host, "rcutree", "nohz_full_patience_delay");
  if (!now && kernel_version(host) < KernelVersion{6, 11})
    return not_applicable("this kernel does not have it (6.11)");
  if (now && to_number(*now).value_or(0) >= 1000)
    return good("nohz_full_patience_delay=" + *now, "rcutree.nohz_full_patience_delay=1000");
  return expect_boot(host, "rcutree.nohz_full_patience_delay", "1000");
}

Finding rcu_priority(const HostView& host, const Wanted& wanted) {
  if (!is_rt_kernel(host))
    return not_applicable("RCU callbacks run in softirqs on this kernel, not in threads");
  const auto now = module_parameter(host, "rcutree", "kthread_prio");
  const auto boot = boot_parameter(host, "rcutree.kthread_prio");
  const auto value = to_number(now.value_or(boot.value_or("1"))).value_or(1);
  const int least = std::max(11, wanted.priority + 1);
  return verdict(value > wanted.priority, fmt::format("kthread_prio={}", value),
                 fmt::format("above the vCPUs' {}", wanted.priority),
                 fix_boot(fmt::format("rcutree.kthread_prio={}", least)));
}

constexpr std::array kChecks{
    Check{"C1", "tick off on RT CPUs", Level::recommended, Scope::rt_cpus,
          "the tick interrupts a busy vCPU 100 to 1000 times a second", tickless},
    Check{"C2", "RCU callbacks elsewhere", Level::recommended, Scope::rt_cpus,
          "freeing memory for others is not the RT CPU's work", callbacks},
    Check{"C3", "RT CPUs out of load balancing", Level::required, Scope::rt_cpus,
          "else the scheduler puts other tasks there", domain_isolation},
    Check{"C4", "managed interrupts kept away", Level::recommended, Scope::rt_cpus,
          "queue interrupts of NVMe and NICs cannot be moved later", managed_interrupts},
    Check{"C5", "interrupts start elsewhere", Level::recommended, Scope::rt_cpus,
          "an interrupt moved later may fire once more on its old CPU, hours after",
          boot_interrupts},
    Check{"C6", "ticks at different times", Level::recommended, Scope::host,
          "ticks of all CPUs at once fight over the same locks", skewed_ticks},
    Check{"C7", "no watchdog of the TSC", Level::recommended, Scope::host,
          "the clock watchdog and 10-minute TSC synchronization run on isolated CPUs too",
          trusted_tsc},
    Check{"C8", "no expedited grace periods", Level::recommended, Scope::host,
          "they interrupt every CPU", normal_grace_periods},
    Check{"C9", "RCU patient with tickless CPUs", Level::recommended, Scope::host,
          "else RCU pokes them after a few milliseconds", patient_rcu},
    Check{"C10", "RCU threads above the vCPUs", Level::recommended, Scope::host,
          "a vCPU that never yields stalls RCU for the whole host", rcu_priority},
};

}  // namespace

std::span<const Check> boot_isolation_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
