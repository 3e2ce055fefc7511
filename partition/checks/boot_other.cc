// SPDX-License-Identifier: MIT
// Catalogue section 2.3, second part: boot parameters for watchdogs, power, memory, mitigations.
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

Finding no_watchdogs(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "nosoftlockup nmi_watchdog=0";
  std::vector<std::string> on;
  const auto soft = text_of(host, "/proc/sys/kernel/soft_watchdog");
  const auto nmi = text_of(host, "/proc/sys/kernel/nmi_watchdog");
  if (!soft && !nmi) return not_applicable("this kernel has no lockup detectors");
  if (!boot_parameter(host, "nosoftlockup") && soft && *soft != "0")
    on.emplace_back("soft lockup detector");
  if (boot_parameter(host, "nmi_watchdog") != "0" && nmi && *nmi != "0")
    on.emplace_back("NMI watchdog");
  return verdict(on.empty(), on.empty() ? "both off" : "on: " + join(on), want, fix_boot(want));
}

Finding corrected_errors(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "mce=off, or ignore_ce (R10)";
  const auto value = boot_parameter(host, "mce");
  if (value == "off" || value == "ignore_ce") return good("mce=" + *value, want);
  return bad("polled; see R10", want, fix_boot("mce=ignore_ce"));
}

constexpr const char* kFrequencyFolder = "/sys/devices/system/cpu/cpufreq";

Finding fixed_frequency(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "the frequency does not change";
  const bool intel = is_intel(host);
  const auto boot = boot_parameter(host, intel ? "intel_pstate" : "amd_pstate");
  auto policies = host.list(kFrequencyFolder);
  std::erase_if(policies, [](const std::string& name) { return !name.starts_with("policy"); });
  if (policies.empty()) return good("no frequency scaling driver", want);
  const std::string first = std::string(kFrequencyFolder) + "/" + policies.front();
  const auto governor = text_of(host, first + "/scaling_governor");
  const std::string driver = text_of(host, first + "/scaling_driver").value_or("unknown driver");
  const std::string found = fmt::format("{}, governor {}", driver, governor.value_or("unknown"));
  return verdict(boot == "disable" || governor == "performance", found, want,
                 fix_boot(intel ? "intel_pstate=disable" : "amd_pstate=disable") +
                     " (or governor performance, see P3)");
}

Finding shallow_idle(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "max_cstate 0 or 1, or limits per CPU (P1)";
  const auto driver = text_of(host, "/sys/devices/system/cpu/cpuidle/current_driver");
  if (driver == "none") return good("no idle driver", want);
  if (boot_parameter(host, "idle") == "poll") return good("idle=poll", want);
  const auto acpi = boot_parameter(host, "processor.max_cstate");
  const auto intel = boot_parameter(host, "intel_idle.max_cstate");
  for (const auto& value : {acpi, intel}) {
    if (value == "0" || value == "1") return good("max_cstate=" + *value, want);
  }
  Finding finding = bad("deep sleep states allowed; kvmrt-launch limits its own CPUs", want,
                        fix_boot("processor.max_cstate=1 intel_idle.max_cstate=0") +
                            " (host-wide; kvmrt-launch limits each RT CPU at start)");
  finding.at_start = true;
  return finding;
}

Finding polling_idle(const HostView& host, const Wanted& /*wanted*/) {
  const bool polls = boot_parameter(host, "idle") == "poll";
  const bool smt = text_of(host, "/sys/devices/system/cpu/smt/active") == "1";
  return verdict(!polls || !smt, polls ? "idle=poll" : "not set",
                 "only with SMT off and the power accepted",
                 "kernel command line: remove idle=poll: polling siblings slow each other");
}

Finding reserved_hugepages(const HostView& host, const Wanted& wanted) {
  std::vector<std::string> needs;
  for (const VmNeed& vm : wanted.memory) {
    if (!vm.hugepages) continue;
    const auto count = (vm.memory.count() + vm.hugepages->count() - 1) / vm.hugepages->count();
    needs.push_back(fmt::format("{} of {} for {}", count, to_string(*vm.hugepages), vm.name));
  }
  if (needs.empty()) return not_applicable("no VM asks for huge pages");
  const auto value = boot_parameter(host, "hugepages");
  return verdict(
      value.has_value(), value ? "hugepages=" + *value : "none reserved at boot", join(needs),
      fix_boot("default_hugepagesz=1G hugepagesz=1G hugepages=N") + " (" + join(needs) + ")");
}

Finding no_smt(const HostView& host, const Wanted& wanted) {
  const std::string want = "nosmt, or siblings offline while an RT VM runs";
  if (text_of(host, "/sys/devices/system/cpu/smt/active") != "1") return good("SMT off", want);
  if (wanted.rt_cpus.empty()) return good("SMT on; kvmrt-launch stops siblings at start", want);
  for (const CpuId cpu : wanted.siblings.members()) {
    if (!host.exists(cpu_path(cpu, "online")))
      return bad(fmt::format("sibling CPU {} cannot go offline", to_string(cpu)), want,
                 fix_boot("nosmt") + ", or a cpuset on another core");
  }
  return good("SMT on; kvmrt-launch stops " + wanted.siblings.list() + " at start", want);
}

Finding small_noise(const HostView& host, const Wanted& /*wanted*/) {
  std::vector<std::string> missing;
  const bool thp = host.exists("/sys/kernel/mm/transparent_hugepage");
  if (thp && boot_parameter(host, "transparent_hugepage") != "never")
    missing.emplace_back("transparent_hugepage=never");
  if (boot_parameter(host, "pcie_aspm") != "off") missing.emplace_back("pcie_aspm=off");
  if (boot_parameter(host, "audit") != "0") missing.emplace_back("audit=0");
  const std::string want = "transparent_hugepage=never pcie_aspm=off audit=0";
  return verdict(missing.empty(), missing.empty() ? "set" : "not set: " + join(missing), want,
                 fix_boot(join(missing, " ")));
}

Finding mitigations(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = boot_parameter(host, "mitigations");
  return good(value ? "mitigations=" + *value : "not set: the kernel's defaults",
              "your choice: each exit costs more with them, safety without");
}

Finding builtin_parameters(const HostView& host, const Wanted& /*wanted*/) {
  if (!module_is_builtin(host, "kvm"))
    return not_applicable("KVM is a module; its parameters stand in modprobe.d");
  std::vector<std::string> set;
  const std::string cmdline = text_of(host, "/proc/cmdline").value_or("");
  for (const std::string_view word : fields_of(cmdline)) {
    if (word.starts_with("kvm.") || word.starts_with("kvm_intel.") ||
        word.starts_with("kvm_amd.") || word.starts_with("kvm-intel.") ||
        word.starts_with("kvm-amd."))
      set.emplace_back(word);
  }
  return verdict(!set.empty(), set.empty() ? "KVM built in, no parameter set" : join(set, " "),
                 "kvm.nx_huge_pages=never kvm.kvmclock_periodic_sync=0",
                 fix_boot("kvm.nx_huge_pages=never kvm.kvmclock_periodic_sync=0"));
}

constexpr std::array kChecks{
    Check{"C11", "lockup detectors off", Level::recommended, Scope::host,
          "they wake every CPU now and then", no_watchdogs},
    Check{"C12", "machine check polling", Level::info, Scope::host,
          "a timer per CPU; off loses some reliability reports", corrected_errors},
    Check{"C13", "frequency fixed", Level::recommended, Scope::host,
          "a change of frequency stops the core for microseconds", fixed_frequency},
    Check{"C14", "sleep states shallow", Level::recommended, Scope::host,
          "deep states take 50 to 200 us to leave", shallow_idle},
    Check{"C15", "idle polling", Level::info, Scope::host,
          "fastest wake-up, but heat for the whole host", polling_idle},
    Check{"C16", "huge pages reserved at boot", Level::recommended, Scope::host,
          "later, memory is fragmented", reserved_hugepages},
    Check{"C17", "SMT siblings quiet", Level::recommended, Scope::host,
          "siblings share execution units and caches", no_smt},
    Check{"C18", "small noise sources off", Level::info, Scope::host,
          "page merging, link power states and auditing", small_noise},
    Check{"C19", "CPU vulnerability mitigations", Level::info, Scope::host,
          "reported, never judged", mitigations},
    Check{"C20", "parameters of a built-in KVM", Level::info, Scope::host,
          "modprobe.d does not reach a KVM that is no module", builtin_parameters},
};

}  // namespace

std::span<const Check> boot_other_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
