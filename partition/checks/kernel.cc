// SPDX-License-Identifier: MIT
// Catalogue section 2.2: how the kernel was built.
#include <array>
#include <fmt/core.h>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kOtherKernel = "a kernel built otherwise (Debian: linux-image-rt-amd64)";

Finding real_time(const HostView& host, const Wanted& wanted) {
  const std::string want = "a PREEMPT_RT kernel";
  if (!host.read("/proc/version").ok() && !host.read("/sys/kernel/realtime").ok())
    return unreadable(host, "/proc/version", want);
  if (is_rt_kernel(host)) return good("PREEMPT_RT", want);
  Finding finding = bad(kernel_release(host) + " is not PREEMPT_RT", want,
                        fix_run("apt install linux-image-rt-amd64 (RHEL: dnf install kernel-rt)"));
  finding.level = wanted.rt() ? Level::required : Level::recommended;
  return finding;
}

bool is_set(const std::map<std::string, std::string>& config, const std::string& name) {
  const auto option = config.find(name);
  return option != config.end() && (option->second == "y" || option->second == "m");
}

Finding no_config(const HostView& host, const std::string& want) {
  return unknown("no /proc/config.gz and no /boot/config-" + kernel_release(host), want);
}

Finding isolation_options(const HostView& host, const Wanted& /*wanted*/) {
  const std::array<std::string, 7> options{
      "NO_HZ_FULL",      "RCU_NOCB_CPU", "CPU_ISOLATION",       "CPUSETS",
      "HIGH_RES_TIMERS", "HUGETLBFS",    "IRQ_FORCED_THREADING"};
  const std::string want = "NO_HZ_FULL, RCU_NOCB_CPU, CPU_ISOLATION, CPUSETS, …";
  const auto config = kernel_config(host);
  if (!config) return no_config(host, want);
  std::vector<std::string> missing;
  for (const std::string& option : options) {
    if (!is_set(*config, option)) missing.push_back(option);
  }
  return verdict(missing.empty(), missing.empty() ? "all set" : "not set: " + join(missing), want,
                 kOtherKernel);
}

Finding no_debugging(const HostView& host, const Wanted& /*wanted*/) {
  const std::array<std::string, 8> options{"PROVE_LOCKING",  "LOCKDEP",       "KASAN",
                                           "DEBUG_PREEMPT",  "DEBUG_OBJECTS", "SLUB_DEBUG_ON",
                                           "IRQSOFF_TRACER", "PREEMPT_TRACER"};
  const std::string want = "no debugging that costs time";
  const auto config = kernel_config(host);
  if (!config) return no_config(host, want);
  std::vector<std::string> present;
  for (const std::string& option : options) {
    if (is_set(*config, option)) present.push_back(option);
  }
  return verdict(present.empty(), present.empty() ? "none set" : "set: " + join(present), want,
                 kOtherKernel);
}

Finding measuring_options(const HostView& host, const Wanted& /*wanted*/) {
  const std::array<std::string, 5> options{"OSNOISE_TRACER", "TIMERLAT_TRACER", "HWLAT_TRACER",
                                           "X86_CPU_RESCTRL", "X86_MSR"};
  const std::string want = "tracers, resctrl and MSR access";
  const auto config = kernel_config(host);
  if (!config) return no_config(host, want);
  std::vector<std::string> missing;
  for (const std::string& option : options) {
    if (!is_set(*config, option)) missing.push_back(option);
  }
  return verdict(missing.empty(), missing.empty() ? "all set" : "not set: " + join(missing), want,
                 kOtherKernel);
}

Finding no_rt_groups(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "RT_GROUP_SCHED not set";
  const auto config = kernel_config(host);
  if (!config) return no_config(host, want);
  if (!is_set(*config, "RT_GROUP_SCHED")) return good("not set", want);
  if (boot_parameter(host, "rt_group_sched") == "0") return good("set, but off at boot", want);
  return bad("RT_GROUP_SCHED set", want,
             kernel_version(host) >= KernelVersion{6, 16} ? fix_boot("rt_group_sched=0")
                                                          : std::string(kOtherKernel));
}

Finding features(const HostView& host, const Wanted& /*wanted*/) {
  const KernelVersion version = kernel_version(host);
  if (version.major == 0) return unreadable(host, "/proc/sys/kernel/osrelease", "5.15 or later");
  std::vector<std::string> has;
  if (version >= KernelVersion{6, 2}) has.emplace_back("task masks kept");
  if (version >= KernelVersion{6, 5}) has.emplace_back("nx_huge_pages=never");
  if (version >= KernelVersion{6, 7}) has.emplace_back("exclusive cpusets");
  if (version >= KernelVersion{6, 8}) has.emplace_back("workqueues leave partitions");
  if (version >= KernelVersion{6, 12}) has.emplace_back("fair server");
  return verdict(version >= KernelVersion{5, 15},
                 kernel_release(host) + (has.empty() ? "" : ": " + join(has)), "5.15 or later",
                 "a newer kernel");
}

constexpr std::array kChecks{
    Check{"K1", "real-time kernel", Level::recommended, Scope::host,
          "else long sections of the kernel cannot be preempted", real_time},
    Check{"K2", "isolation built in", Level::recommended, Scope::host,
          "tickless CPUs, callbacks elsewhere and cpusets are build options", isolation_options},
    Check{"K3", "no costly debugging", Level::recommended, Scope::host,
          "lock and memory checkers multiply every latency", no_debugging},
    Check{"K4", "measuring built in", Level::info, Scope::host,
          "osnoise, timerlat and hwlat find who disturbed a CPU", measuring_options},
    Check{"K5", "no RT group scheduling", Level::recommended, Scope::host,
          "with it SCHED_FIFO in a cgroup of its own is refused (EPERM)", no_rt_groups},
    Check{"K6", "kernel features by version", Level::info, Scope::host,
          "what kvmrt can use on this kernel", features},
};

}  // namespace

std::span<const Check> kernel_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
