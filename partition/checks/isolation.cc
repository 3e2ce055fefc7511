// SPDX-License-Identifier: MIT
// Catalogue section 2.4: who may run on the RT CPUs now.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";

Finding cpuset_controller(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "cgroup v2 with the cpuset controller";
  const auto text = text_of(host, std::string(kCgroups) + "/cgroup.controllers");
  const std::string fix = fix_boot("systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all");
  if (!text) return bad("no cgroup v2 at /sys/fs/cgroup: tasks are moved one by one", want, fix);
  const auto controllers = fields_of(*text);
  const bool has = std::find(controllers.begin(), controllers.end(), "cpuset") != controllers.end();
  return verdict(has, has ? "cpuset" : "controllers: " + *text, want, fix);
}

Finding partitions(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "every partition valid";
  std::vector<std::string> valid;
  for (const std::string& name : host.list(kCgroups)) {
    const auto state = text_of(host, fmt::format("{}/{}/cpuset.cpus.partition", kCgroups, name));
    if (!state || *state == "member") continue;
    // The kernel accepts a partition and says only here that it does not hold.
    if (state->find("invalid") != std::string::npos) {
      Finding finding =
          bad(fmt::format("{}: {}", name, *state), want,
              fix_run("kvmrt-recover, then look for another cgroup with the same cpuset.cpus"));
      if (!name.starts_with("kvmrt")) finding.level = Level::recommended;  // not one of ours
      return finding;
    }
    valid.push_back(fmt::format("{}: {}", name, *state));
  }
  if (valid.empty()) return not_applicable("no partition in use");
  return good(join(valid), want);
}

Finding isolated_now(const HostView& host, const Wanted& wanted) {
  const std::string path = std::string(kCgroups) + "/cpuset.cpus.isolated";
  const std::string want = wanted.rt_cpus.list();
  const auto isolated = cpus_of(host, path);
  if (!isolated) return not_applicable("this kernel does not list isolated partitions (6.8)");
  if (wanted.rt_cpus.subset_of(*isolated)) return good(isolated->list(), want);
  return at_start(wanted, isolated->empty() ? "none" : isolated->list(), want,
                  fix_at_start("an isolated cpuset partition"))
      .as(Level::info);
}

bool is_of_vm(const Wanted& wanted, const Task& task) {
  return std::any_of(wanted.memory.begin(), wanted.memory.end(),
                     [&](const VmNeed& vm) { return vm.qemu == task.pid; });
}

Finding foreign_tasks(const HostView& host, const Wanted& wanted) {
  const std::string want = "no movable task on " + wanted.rt_cpus.list();
  const auto all = tasks(host);
  if (all.empty()) return unknown("no tasks to be seen in /proc", want);
  std::vector<std::string> names;
  for (const Task& task : all) {
    if (task.is_movable() && task.cpus.intersects(wanted.rt_cpus) && !is_of_vm(wanted, task))
      names.push_back(fmt::format("{} ({})", task.name, to_string(task.tid)));
  }
  if (names.empty()) return good("none", want);
  return at_start(wanted, fmt::format("{} tasks: {}", names.size(), some_of(names, 3)), want,
                  fix_at_start(fmt::format("taskset -pc {} TID, for each of them and for kthreadd",
                                           wanted.housekeeping.list())));
}

Finding slices(const HostView& host, const Wanted& wanted) {
  const std::string want = "AllowedCPUs=" + wanted.housekeeping.list();
  if (!host.exists("/run/systemd/system")) return not_applicable("systemd does not run");
  std::vector<std::string> wide;
  bool any = false;
  for (const char* unit : {"init.scope", "system.slice", "user.slice"}) {
    const auto cpus = cpus_of(host, fmt::format("{}/{}/cpuset.cpus.effective", kCgroups, unit));
    if (!cpus) continue;
    any = true;
    if (cpus->intersects(wanted.rt_cpus)) wide.emplace_back(unit);
  }
  const std::string by_hand =
      fmt::format("systemctl set-property system.slice AllowedCPUs={} (and user.slice, init.scope)",
                  wanted.housekeeping.list());
  if (!any) return unknown("the slices have no cpuset", want, fix_run(by_hand));
  if (wide.empty()) return good("outside the RT CPUs", want);
  return at_start(wanted, join(wide) + " may use RT CPUs", want, fix_at_start(by_hand));
}

Finding siblings_offline(const HostView& host, const Wanted& wanted) {
  if (wanted.siblings.empty()) return good("no SMT siblings online", "siblings offline");
  const std::string want = wanted.siblings.list() + " offline";
  const CpuSet online = wanted.siblings & online_cpus(host);
  if (online.empty()) return good(want, want);
  for (const CpuId cpu : online.members()) {
    if (!host.exists(cpu_path(cpu, "online")))
      return bad(fmt::format("CPU {} is online and cannot go offline", to_string(cpu)), want,
                 "cpuset: choose another core");
  }
  std::vector<std::string> commands;
  for (const CpuId cpu : online.members())
    commands.push_back("echo 0 > " + cpu_path(cpu, "online"));
  return at_start(wanted, online.list() + " online", want, fix_at_start(some_of(commands, 2)));
}

Finding smt_control(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/sys/devices/system/cpu/smt/control";
  const std::string want = "left alone";
  const auto control = text_of(host, path);
  if (!control) return unreadable(host, path, want);
  return good(*control, want);
}

Finding old_timers(const HostView& /*host*/, const Wanted& wanted) {
  return unknown("timers armed on " + wanted.rt_cpus.list() + " cannot be listed",
                 "RT CPUs taken offline and online once before the VMs start",
                 fix_run("echo 0 > …/cpuN/online; echo 1 > …/cpuN/online, for each RT CPU, before "
                         "the first RT VM"));
}

/// The CPUs of the first core of each package that is online.
CpuSet first_cores(const HostView& host) {
  CpuSet first;
  std::vector<std::string> packages;
  for (const CpuId cpu : online_cpus(host).members()) {
    const auto package = text_of(host, cpu_path(cpu, "topology/physical_package_id"));
    if (!package || std::find(packages.begin(), packages.end(), *package) != packages.end())
      continue;
    packages.push_back(*package);
    first |= siblings_of(host, cpu);
  }
  first.insert(CpuId(0));
  return first;
}

Finding first_core_free(const HostView& host, const Wanted& wanted) {
  const CpuSet first = first_cores(host);
  const CpuSet clash = first & wanted.rt_cpus;
  return verdict(clash.empty(),
                 clash.empty() ? "left to the host" : "RT CPUs there: " + clash.list(),
                 "no RT CPU among " + first.list(), "cpuset: choose outside " + first.list());
}

constexpr std::array kChecks{
    Check{"S1", "cgroup v2 cpusets", Level::recommended, Scope::host,
          "an isolated partition keeps new tasks away by itself", cpuset_controller},
    Check{"S2", "cpuset partitions valid", Level::required, Scope::host,
          "the kernel accepts a partition and drops it silently", partitions},
    Check{"S3", "RT CPUs in a partition", Level::info, Scope::rt_cpus,
          "such CPUs also drop out of unbound workqueues", isolated_now},
    Check{"S4", "no foreign task on RT CPUs", Level::required, Scope::rt_cpus,
          "each runs in the guest's time, or never again behind a FIFO vCPU", foreign_tasks},
    Check{"S5", "systemd's slices elsewhere", Level::recommended, Scope::rt_cpus,
          "what systemd starts later inherits them", slices},
    Check{"S6", "siblings of RT CPUs offline", Level::required, Scope::rt_cpus,
          "a busy sibling takes half of the core", siblings_offline},
    Check{"S7", "SMT control", Level::info, Scope::host,
          "the global switch also changes CPUs that others took offline", smt_control},
    Check{"S8", "old timers gone", Level::info, Scope::rt_cpus,
          "timers armed before isolation stay where they are", old_timers},
    Check{"S9", "first cores left to the host", Level::recommended, Scope::rt_cpus,
          "interrupts that cannot be moved live there", first_core_free},
};

}  // namespace

std::span<const Check> isolation_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
