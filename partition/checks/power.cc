// SPDX-License-Identifier: MIT
// Catalogue section 2.7: what saves power, and costs time.
#include <array>
#include <cerrno>
#include <fmt/core.h>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

bool has_idle_states(const HostView& host) {
  const auto driver = text_of(host, "/sys/devices/system/cpu/cpuidle/current_driver");
  return driver && *driver != "none";
}

/// "n/a" allows no idle latency at all; 0 is no limit
/// (Documentation/ABI/testing/sysfs-devices-power).
bool is_limited(const std::string& resume_latency) {
  return resume_latency == "n/a" || to_number(resume_latency).value_or(0) > 0;
}

/// Every idle state deeper than the first two (polling and C1) is disabled.
bool deep_states_disabled(const HostView& host, CpuId cpu) {
  bool any = false;
  for (const std::string& state : host.list(cpu_path(cpu, "cpuidle"))) {
    if (!state.starts_with("state") || state == "state0" || state == "state1") continue;
    any = true;
    if (text_of(host, cpu_path(cpu, "cpuidle/" + state + "/disable")) != "1") return false;
  }
  return any;
}

Finding idle_limit(const HostView& host, const Wanted& wanted) {
  const std::string want = "pm_qos_resume_latency_us n/a or a few us";
  if (!has_idle_states(host)) return not_applicable("no idle driver, so no deep idle states");
  std::vector<std::string> deep;
  for (const CpuId cpu : wanted.rt_cpus.members()) {
    const auto latency = text_of(host, cpu_path(cpu, "power/pm_qos_resume_latency_us"));
    if ((!latency || !is_limited(*latency)) && !deep_states_disabled(host, cpu))
      deep.push_back(to_string(cpu));
  }
  if (deep.empty()) return good("limited", want);
  return at_start(wanted, "no limit on " + join(deep, ","), want,
                  fix_at_start("echo 2 > /sys/devices/system/cpu/cpuN/power/"
                               "pm_qos_resume_latency_us"));
}

Finding idle_request(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "at most the latency of C1";
  if (!has_idle_states(host)) return not_applicable("no idle driver, so no deep idle states");
  const FileText fact = host.read("/kvmrt/cpu_dma_latency");
  if (fact.error == EACCES || fact.error == EPERM)
    return unknown("cannot read /dev/cpu_dma_latency: needs root", want);
  if (!fact.ok()) return unknown("/dev/cpu_dma_latency was not read", want);
  const auto latency = to_number(fact.text);
  if (latency && *latency <= 5) return good(fmt::format("{} us", *latency), want);
  return bad("no request for all CPUs; limits per RT CPU (P1) are better", want,
             "none needed where P1 holds")
      .as(Level::info);
}

std::optional<std::string> slow_cpu(const HostView& host, CpuId cpu) {
  const std::string folder = cpu_path(cpu, "cpufreq/");
  const auto governor = text_of(host, folder + "scaling_governor");
  if (!governor) return std::nullopt;
  const auto preference = text_of(host, folder + "energy_performance_preference");
  if (*governor != "performance") return fmt::format("CPU {} {}", cpu.value(), *governor);
  if (preference && *preference != "performance" && *preference != "0")
    return fmt::format("CPU {} prefers {}", cpu.value(), *preference);
  return std::nullopt;
}

Finding governor(const HostView& host, const Wanted& wanted) {
  const std::string want = "governor and preference performance";
  std::vector<std::string> slow;
  bool any = false;
  for (const CpuId cpu : wanted.rt_cpus.members()) {
    any = any || host.exists(cpu_path(cpu, "cpufreq/scaling_governor"));
    if (auto found = slow_cpu(host, cpu)) slow.push_back(std::move(*found));
  }
  if (!any) return not_applicable("no frequency scaling on the RT CPUs");
  if (slow.empty()) return good("performance", want);
  return at_start(wanted, some_of(slow, 3), want,
                  fix_at_start(fmt::format("cpupower -c {} frequency-set -g performance",
                                           wanted.rt_cpus.list())));
}

Finding power_daemons(const HostView& host, const Wanted& /*wanted*/) {
  std::vector<std::string> running;
  for (const char* name : {"power-profiles-daemon", "thermald", "tlp"}) {
    if (runs(host, name)) running.emplace_back(name);
  }
  return verdict(running.empty(), running.empty() ? "none runs" : join(running) + " run",
                 "none runs", fix_run("systemctl disable --now " + join(running, " ")));
}

Finding uncore(const HostView& host, const Wanted& /*wanted*/) {
  const std::string folder = "/sys/devices/system/cpu/intel_uncore_frequency";
  std::vector<std::string> free;
  const auto units = host.list(folder);
  if (units.empty()) return not_applicable("no uncore frequency control");
  for (const std::string& unit : units) {
    const auto least = text_of(host, folder + "/" + unit + "/min_freq_khz");
    const auto most = text_of(host, folder + "/" + unit + "/max_freq_khz");
    if (least != most) free.push_back(unit);
  }
  return verdict(free.empty(), free.empty() ? "fixed" : "not fixed: " + some_of(free),
                 "min_freq_khz equals max_freq_khz",
                 free.empty()
                     ? ""
                     : fix_run(fmt::format("cat {0}/{1}/max_freq_khz > {0}/{1}/min_freq_khz",
                                           folder, free.front())));
}

constexpr std::array kChecks{
    Check{"P1", "idle latency of RT CPUs limited", Level::recommended, Scope::rt_cpus,
          "leaving a deep state takes longer than most budgets", idle_limit},
    Check{"P2", "idle latency request", Level::recommended, Scope::host,
          "an alternative for all CPUs at once", idle_request},
    Check{"P3", "frequency of RT CPUs fixed", Level::recommended, Scope::rt_cpus,
          "changing it stops the core", governor},
    Check{"P4", "no power daemon", Level::recommended, Scope::host,
          "they change governors and limits behind kvmrt's back", power_daemons},
    Check{"P5", "uncore frequency fixed", Level::info, Scope::host,
          "caches and memory controller slow down with it", uncore},
};

}  // namespace

std::span<const Check> power_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
