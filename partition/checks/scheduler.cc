// SPDX-License-Identifier: MIT
// Catalogue section 2.6, second part: throttling, timers, watchdogs and other periodic work.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

Finding throttling(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/proc/sys/kernel/sched_rt_runtime_us";
  const std::string want = "-1, or 950000 accepted with its hole of 50 ms per second";
  if (kernel_version(host) >= KernelVersion{6, 12})
    return not_applicable("since 6.12 the fair server does it, see R6");
  const auto runtime = number_of(host, path);
  const std::string fix = fix_sysctl("kernel.sched_rt_runtime_us", "-1");
  if (!runtime) return unreadable(host, path, want, fix);
  Finding finding = verdict(*runtime == -1, std::to_string(*runtime), want, fix);
  if (*runtime >= 950000) finding.level = Level::recommended;
  return finding;
}

Finding fair_server(const HostView& host, const Wanted& wanted) {
  const std::string folder = "/sys/kernel/debug/sched/fair_server";
  const std::string want = "runtime 0 on " + wanted.rt_cpus.list();
  if (kernel_version(host) < KernelVersion{6, 8})
    return not_applicable("this kernel has none (6.12)");
  std::vector<std::string> on;
  std::string last;
  for (const CpuId cpu : wanted.rt_cpus.members()) {
    last = fmt::format("{}/cpu{}/runtime", folder, cpu.value());
    const auto runtime = text_of(host, last);
    if (!runtime)
      return unreadable(host, last, want,
                        fix_run("mount -t debugfs none /sys/kernel/debug, as root"));
    if (*runtime != "0") on.push_back(fmt::format("CPU {}: {} ns", cpu.value(), *runtime));
  }
  return verdict(
      on.empty(), on.empty() ? "0" : some_of(on, 3), want,
      fix_run(fmt::format("echo 0 > {}/cpuN/runtime (host.yaml: throttling: off)", folder)));
}

Finding timer_migration(const HostView& host, const Wanted& wanted) {
  const std::string path = "/proc/sys/kernel/timer_migration";
  const bool from_boot = wanted.rt_cpus.subset_of(isolated_at_boot(host));
  const std::string want = from_boot ? "0 or 1 (isolated from boot)" : "1 (isolated at run time)";
  const auto value = text_of(host, path);
  if (!value) return unreadable(host, path, want);
  return verdict(from_boot || *value == "1", *value, want,
                 fix_sysctl("kernel.timer_migration", "1"));
}

Finding watchdog_cpus(const HostView& host, const Wanted& wanted) {
  const std::string want = "off, or on " + wanted.housekeeping.list();
  const auto nmi = text_of(host, "/proc/sys/kernel/nmi_watchdog");
  const auto watchdog = text_of(host, "/proc/sys/kernel/watchdog");
  if (!watchdog && !nmi) return not_applicable("this kernel has no lockup detectors");
  const auto mask = cpus_of(host, "/proc/sys/kernel/watchdog_cpumask").value_or(CpuSet{});
  if (watchdog == "0" || (nmi != "1" && !mask.intersects(wanted.rt_cpus)))
    return good(watchdog == "0" ? "off" : "on " + mask.list(), want);
  const std::string found = nmi == "1" ? "NMI watchdog on" : "watchdog on CPUs " + mask.list();
  return bad(found, want,
             fix_sysctl("kernel.nmi_watchdog", "0") +
                 "; kernel.watchdog_cpumask = " + wanted.housekeeping.list());
}

Finding hung_tasks(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/proc/sys/kernel/hung_task_timeout_secs";
  const auto seconds = number_of(host, path);
  if (!seconds) return not_applicable("this kernel does not look for hung tasks");
  return verdict(*seconds == 0 || *seconds >= 600, std::to_string(*seconds), "0, or 600 and more",
                 fix_sysctl("kernel.hung_task_timeout_secs", "600"));
}

Finding machine_checks(const HostView& host, const Wanted& wanted) {
  const std::string folder = "/sys/devices/system/machinecheck";
  const std::string want = "ignore_ce=1 or check_interval=0";
  std::vector<std::string> polled;
  bool any = false;
  for (const CpuId cpu : wanted.rt_cpus.members()) {
    const std::string mine = fmt::format("{}/machinecheck{}", folder, cpu.value());
    const auto ignored = text_of(host, mine + "/ignore_ce");
    const auto interval = text_of(host, mine + "/check_interval");
    any = any || ignored || interval;
    if ((ignored || interval) && ignored != "1" && interval != "0")
      polled.push_back(to_string(cpu));
  }
  if (!any) return not_applicable("no machine check polling here");
  return verdict(polled.empty(), polled.empty() ? "off" : "polled on " + join(polled, ","), want,
                 fix_run(fmt::format("echo 1 > {}/machinecheckN/ignore_ce", folder)));
}

Finding vm_statistics(const HostView& host, const Wanted& wanted) {
  const std::string path = "/proc/sys/vm/stat_interval";
  const std::string want = "10 or more";
  const CpuSet isolated = isolated_at_boot(host) |
                          cpus_of(host, "/sys/fs/cgroup/cpuset.cpus.isolated").value_or(CpuSet{});
  if (kernel_version(host) >= KernelVersion{6, 8} && wanted.rt_cpus.subset_of(isolated))
    return good("this kernel leaves isolated CPUs out", want);
  const auto seconds = number_of(host, path);
  if (!seconds) return unreadable(host, path, want, fix_sysctl("vm.stat_interval", "10"));
  return verdict(*seconds >= 10, std::to_string(*seconds), want,
                 fix_sysctl("vm.stat_interval", "10"));
}

Finding numa_balancing(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/proc/sys/kernel/numa_balancing";
  const auto value = text_of(host, path);
  if (!value) return not_applicable("this kernel has none (PREEMPT_RT never has)");
  return verdict(*value == "0", *value, "0", fix_sysctl("kernel.numa_balancing", "0"));
}

Finding console_level(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/proc/sys/kernel/printk";
  const auto text = text_of(host, path);
  const auto fields = fields_of(text ? std::string_view(*text) : std::string_view());
  if (fields.empty()) return unreadable(host, path, "3 or less");
  return verdict(to_number(fields[0]).value_or(9) <= 3, std::string(fields[0]), "3 or less",
                 fix_sysctl("kernel.printk", "3 4 1 3"));
}

Finding netstamp(const HostView& /*host*/, const Wanted& /*wanted*/) {
  return unknown("cannot be seen from outside", "a socket with timestamps held open");
}

/// The cgroups from `path` up to the root, below the mount point.
std::vector<std::string> quota_files(const HostView& host) {
  std::vector<std::string> files;
  const FileText own = host.read("/proc/self/cgroup");
  for (const std::string_view line : lines_of(own.text)) {
    if (!line.starts_with("0::/")) continue;
    for (std::string path(line.substr(3)); path.size() > 1; path.resize(path.rfind('/')))
      files.push_back("/sys/fs/cgroup" + path + "/cpu.max");
  }
  for (const std::string& name : host.list("/sys/fs/cgroup")) {
    if (name.starts_with("kvmrt")) files.push_back("/sys/fs/cgroup/" + name + "/cpu.max");
  }
  return files;
}

Finding quota(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "cpu.max without a quota";
  bool any = false;
  for (const std::string& path : quota_files(host)) {
    const auto text = text_of(host, path);
    if (!text) continue;
    any = true;
    if (!text->starts_with("max"))
      return bad(fmt::format("{}: {}", path, *text), want,
                 fix_run("echo max > " + path + " (systemd: CPUQuota= of that unit)"));
  }
  if (!any) return good("no cgroup with cpu.max above the VMs", want);
  return good("max", want);
}

Finding preemption(const HostView& host, const Wanted& /*wanted*/) {
  if (is_rt_kernel(host)) return not_applicable("PREEMPT_RT preempts fully");
  const std::string path = "/sys/kernel/debug/sched/preempt";
  const auto text = text_of(host, path);
  const std::string fix = fix_boot("preempt=full");
  if (!text) {
    const auto boot = boot_parameter(host, "preempt");
    if (boot == "full") return good("preempt=full", "full");
    return unreadable(host, path, "full", fix);
  }
  return verdict(text->find("(full)") != std::string::npos, *text, "(full)", fix);
}

constexpr std::array kChecks{
    Check{"R5", "real-time threads not throttled", Level::required, Scope::rt_cpus,
          "a busy FIFO vCPU loses 50 ms in each second", throttling},
    Check{"R6", "fair server off on RT CPUs", Level::recommended, Scope::rt_cpus,
          "it preempts FIFO vCPUs as soon as any other task is queued there", fair_server},
    Check{"R7", "timer migration", Level::recommended, Scope::rt_cpus,
          "with 0, timers armed before isolation stay on RT CPUs", timer_migration},
    Check{"R8", "watchdogs off RT CPUs", Level::recommended, Scope::rt_cpus,
          "a timer, a stopper thread and an NMI per CPU", watchdog_cpus},
    Check{"R9", "hung task detector rare", Level::info, Scope::host,
          "tasks behind a FIFO vCPU look hung", hung_tasks},
    Check{"R10", "machine checks not polled", Level::recommended, Scope::rt_cpus,
          "a timer per CPU reads the banks", machine_checks},
    Check{"R11", "memory statistics rare", Level::recommended, Scope::rt_cpus,
          "one vmstat worker cost a guest 50 us", vm_statistics},
    Check{"R12", "NUMA balancing off", Level::recommended, Scope::host,
          "it unmaps guest memory to see who touches it", numa_balancing},
    Check{"R13", "quiet console", Level::info, Scope::host,
          "a slow serial console stalls who prints", console_level},
    Check{"R14", "timestamping never toggles", Level::info, Scope::host,
          "switching it patches code on all CPUs; kvmrt's supervisor can hold it on", netstamp},
    Check{"R15", "no CPU quota on the VMs", Level::required, Scope::host,
          "a quota stops emulator threads and other vCPUs for tens of milliseconds", quota},
    Check{"R16", "full preemption", Level::recommended, Scope::host,
          "the best that a kernel without PREEMPT_RT offers", preemption},
};

}  // namespace

std::span<const Check> scheduler_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
