// SPDX-License-Identifier: MIT
// Catalogue section 2.1, second half: firmware noise, uneven processors, a hypervisor below us.
#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <map>
#include <set>

#include "base/file.h"
#include "partition/checks/facts.h"
#include "partition/checks/sample.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kSmiFix =
    "the vendor's low-latency guide; USB legacy support off; systemctl disable --now "
    "fwupd-refresh.timer";

/// What the counts since boot say when no sample was asked for.
Finding smi_unsampled(const HostView& host) {
  const FileText counts = host.read("/kvmrt/smi");
  if (counts.error == EACCES || counts.error == EPERM)
    return unknown("cannot read /dev/cpu/*/msr: needs root", "no SMI in the sample");
  if (!counts.ok())
    return unknown("no /dev/cpu/*/msr: module msr is not loaded", "no SMI in the sample",
                   fix_run("modprobe msr"));
  return unknown("not sampled", "no SMI in the sample", fix_run("kvmrt-validate-host --sample 10"));
}

Finding system_management(const HostView& host, const Wanted& wanted) {
  if (!processors(host).empty() && !is_intel(host))
    return not_applicable("only Intel processors count SMIs");
  const auto deltas = smi_deltas(host);
  if (!deltas) return smi_unsampled(host);
  long long most = 0;
  for (const auto& [cpu, count] : *deltas) {
    if (wanted.rt_cpus.empty() || wanted.rt_cpus.has(cpu)) most = std::max(most, count);
  }
  return verdict(most == 0, fmt::format("{} SMIs per CPU in {} s", most, sample_seconds(host)),
                 "no SMI in the sample", fix_firmware(kSmiFix));
}

Finding hardware_latency(const HostView& host, const Wanted& wanted) {
  const int limit = wanted.budget_us > 0 ? std::min(10, wanted.budget_us) : 10;
  const std::string want = fmt::format("at most {} us", limit);
  const std::string fix =
      fix_run(fmt::format("hwlatdetect --duration=60s --threshold={}us", limit));
  if (text_of(host, "/sys/kernel/tracing/current_tracer") != "hwlat")
    return unknown("not measured", want, fix);
  const auto most = number_of(host, "/sys/kernel/tracing/tracing_max_latency");
  if (!most) return unreadable(host, "/sys/kernel/tracing/tracing_max_latency", want, fix);
  return verdict(*most <= limit, fmt::format("{} us (hwlat tracer)", *most), want,
                 fix_firmware(kSmiFix));
}

bool is_hybrid(const HostView& host) {
  return host.exists("/sys/devices/cpu_core") && host.exists("/sys/devices/cpu_atom");
}

/// The RT CPUs, when there are any, must be of one kind, since guests cannot tell kinds apart.
Finding even_kinds(const HostView& host, const Wanted& wanted) {
  const CpuSet fast = cpus_of(host, "/sys/devices/cpu_core/cpus").value_or(CpuSet{});
  const CpuSet slow = cpus_of(host, "/sys/devices/cpu_atom/cpus").value_or(CpuSet{});
  const std::string found = fmt::format("hybrid: P cores {}, E cores {}", fast.list(), slow.list());
  const std::string want = "RT CPUs all of one kind";
  if (wanted.rt_cpus.empty()) return bad(found, want, "choose cpuset among one kind of core only");
  const bool mixed = wanted.rt_cpus.intersects(fast) && wanted.rt_cpus.intersects(slow);
  return verdict(!mixed, found, want, fmt::format("cpuset: choose among {} only", fast.list()));
}

Finding even_processors(const HostView& host, const Wanted& wanted) {
  if (is_hybrid(host)) return even_kinds(host, wanted);
  const std::string want = "the same on all CPUs";
  std::set<std::string> models, microcodes;
  std::set<std::vector<std::string>> flags;
  for (const Processor& cpu : processors(host)) {
    models.insert(fmt::format("{}/{}/{}", cpu.family, cpu.model, cpu.stepping));
    microcodes.insert(cpu.microcode);
    flags.insert(cpu.flags);
  }
  if (models.empty()) return unreadable(host, "/proc/cpuinfo", want);
  std::vector<std::string> uneven;
  if (models.size() > 1) uneven.emplace_back("models");
  if (microcodes.size() > 1) uneven.emplace_back("microcode");
  if (flags.size() > 1) uneven.emplace_back("features");
  if (uneven.empty()) return good("model, microcode and features agree", want);
  return bad(join(uneven) + " differ between CPUs", want,
             fix_firmware("update it, so that all CPUs get the same microcode"));
}

Finding no_hypervisor(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "bare metal";
  if (processors(host).empty()) return unreadable(host, "/proc/cpuinfo", want);
  if (!has_flag(host, "hypervisor")) return good("no hypervisor", want);
  return bad("runs under a hypervisor", want,
             "run on bare metal: a nested host can give no real-time guarantee");
}

std::string simultaneous_threads(const HostView& host) {
  return text_of(host, "/sys/devices/system/cpu/smt/active") == "1" ? "SMT on" : "SMT off";
}

/// The firmware's settings cannot be read; the kernel's view of their effects can.
Finding firmware_settings(const HostView& host, const Wanted& /*wanted*/) {
  std::vector<std::string> evidence{simultaneous_threads(host)};
  const auto turbo = text_of(host, "/sys/devices/system/cpu/intel_pstate/no_turbo");
  const auto boost = text_of(host, "/sys/devices/system/cpu/cpufreq/boost");
  if (turbo) evidence.push_back(*turbo == "0" ? "turbo on" : "turbo off");
  if (boost) evidence.push_back(*boost == "1" ? "boost on" : "boost off");
  const auto driver = text_of(host, "/sys/devices/system/cpu/cpuidle/current_driver");
  evidence.push_back("idle driver " + driver.value_or("unknown"));
  return unknown("cannot be read; evidence: " + join(evidence),
                 "C-states, C1E, turbo, ASPM, patrol scrub, USB legacy off",
                 fix_firmware("C-states, C1E, P-states, turbo, PCIe ASPM, patrol scrub, USB "
                              "legacy support off"));
}

constexpr std::array kChecks{
    Check{"H11", "no system management interrupts", Level::required, Scope::host,
          "an SMI stops all CPUs, unseen by the kernel", system_management},
    Check{"H12", "hardware latency", Level::recommended, Scope::host,
          "what firmware takes, no kernel gives back", hardware_latency},
    Check{"H13", "all CPUs alike", Level::recommended, Scope::host,
          "latency and features must not depend on where a vCPU lives", even_processors},
    Check{"H14", "no hypervisor below", Level::recommended, Scope::host,
          "a hypervisor preempts this host without a trace", no_hypervisor},
    Check{"H15", "firmware power settings", Level::recommended, Scope::host,
          "sleep states and frequency changes add tens of microseconds", firmware_settings},
};

}  // namespace

std::span<const Check> firmware_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
