// SPDX-License-Identifier: MIT
// Catalogue section 2.9: KVM's module parameters.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

bool is_one_of(const std::string& value, std::initializer_list<std::string_view> allowed) {
  return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
}

Finding no_parameter(const HostView& host, const std::string& module, const std::string& name) {
  if (!host.exists("/sys/module/" + module))
    return unknown(module + " is not loaded, or has no folder in /sys/module", "");
  return not_applicable(fmt::format("this kernel has no {}.{}", module, name));
}

Finding expect_parameter(const HostView& host, const std::string& module, const std::string& name,
                         std::initializer_list<std::string_view> allowed, const std::string& best) {
  const auto value = module_parameter(host, module, name);
  if (!value) return no_parameter(host, module, name);
  return verdict(is_one_of(*value, allowed), fmt::format("{}={}", name, *value),
                 fmt::format("{}={}", name, best), fix_module(host, module, name, best));
}

Finding clock_sync(const HostView& host, const Wanted& /*wanted*/) {
  return expect_parameter(host, "kvm", "kvmclock_periodic_sync", {"N", "0"}, "0");
}

Finding nx_huge_pages(const HostView& host, const Wanted& /*wanted*/) {
  const std::string best = kernel_version(host) >= KernelVersion{6, 5} ? "never" : "off";
  Finding finding =
      expect_parameter(host, "kvm", "nx_huge_pages", {"N", "0", "off", "never"}, best);
  if (!finding.fix.empty()) finding.fix += " (trusted guests only: it mitigates iTLB multihit)";
  return finding;
}

Finding nx_recovery(const HostView& host, const Wanted& /*wanted*/) {
  const auto pages = module_parameter(host, "kvm", "nx_huge_pages");
  if (pages && is_one_of(*pages, {"N", "0", "off", "never"}))
    return good("nx_huge_pages=" + *pages + ": nothing to recover", "0, or nx_huge_pages off");
  return expect_parameter(host, "kvm", "nx_huge_pages_recovery_ratio", {"0"}, "0");
}

Finding halt_polling(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = module_parameter(host, "kvm", "halt_poll_ns");
  if (!value) return no_parameter(host, "kvm", "halt_poll_ns");
  return good("halt_poll_ns=" + *value, "your choice: 0 (one way to wake) or 200000 (polls first)");
}

Finding timer_advance(const HostView& host, const Wanted& /*wanted*/) {
  // An integer until it became a boolean that tunes itself.
  if (module_parameter(host, "kvm", "lapic_timer_advance_ns"))
    return expect_parameter(host, "kvm", "lapic_timer_advance_ns", {"-1", "4294967295"}, "-1");
  return expect_parameter(host, "kvm", "lapic_timer_advance", {"Y", "1"}, "1");
}

Finding posted_timer(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = module_parameter(host, "kvm", "pi_inject_timer");
  if (!value) return no_parameter(host, "kvm", "pi_inject_timer");
  return verdict(is_one_of(*value, {"1", "-1", "Y"}), "pi_inject_timer=" + *value,
                 "1 (set by itself when nohz_full is on)",
                 fix_module(host, "kvm", "pi_inject_timer", "1"));
}

Finding periodic_timer(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = module_parameter(host, "kvm", "min_timer_period_us");
  if (!value) return no_parameter(host, "kvm", "min_timer_period_us");
  return verdict(to_number(*value).value_or(0) <= 200, "min_timer_period_us=" + *value,
                 "200 at most", fix_module(host, "kvm", "min_timer_period_us", "200"));
}

Finding pause_loop(const HostView& host, const Wanted& /*wanted*/) {
  if (is_amd(host)) return expect_parameter(host, "kvm_amd", "pause_filter_count", {"0"}, "0");
  return expect_parameter(host, "kvm_intel", "ple_gap", {"0"}, "0");
}

Finding preemption_timer(const HostView& host, const Wanted& /*wanted*/) {
  if (is_amd(host)) return not_applicable("only Intel processors have it");
  return expect_parameter(host, "kvm_intel", "preemption_timer", {"Y", "1"}, "1");
}

Finding guest_pmu(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = module_parameter(host, "kvm", "enable_pmu");
  if (!value) return no_parameter(host, "kvm", "enable_pmu");
  return good("enable_pmu=" + *value, "any: kvmrt starts RT guests with pmu=off");
}

Finding smt_rsb(const HostView& host, const Wanted& /*wanted*/) {
  return expect_parameter(host, "kvm", "mitigate_smt_rsb", {"N", "0"}, "0");
}

Finding page_splitting(const HostView& host, const Wanted& /*wanted*/) {
  Finding mmu = expect_parameter(host, "kvm", "tdp_mmu", {"Y", "1"}, "1");
  if (mmu.kind != Finding::Kind::good) return mmu;
  return expect_parameter(host, "kvm", "eager_page_split", {"Y", "1"}, "1");
}

constexpr std::array kChecks{
    Check{"V1", "no periodic clock updates", Level::recommended, Scope::host,
          "they kick every vCPU out of the guest each 5 minutes; run NTP or PTP inside",
          clock_sync},
    Check{"V2", "huge pages stay executable", Level::recommended, Scope::host,
          "splitting them costs 100 us, all vCPUs at once; never also spares the recovery thread",
          nx_huge_pages},
    Check{"V3", "no recovery of split pages", Level::recommended, Scope::host,
          "zapping pages makes the guest fault again", nx_recovery},
    Check{"V4", "polling before halting", Level::info, Scope::host,
          "polls only while no other task waits for the CPU", halt_polling},
    Check{"V5", "guest timers advanced", Level::info, Scope::host,
          "the timer fires early by the time an entry takes", timer_advance},
    Check{"V6", "posted guest timers", Level::info, Scope::host,
          "timers fire on housekeeping CPUs, where APICv is on and HLT does not exit",
          posted_timer},
    Check{"V7", "short periodic guest timers", Level::recommended, Scope::host,
          "a periodic guest timer cannot be faster than this", periodic_timer},
    Check{"V8", "no pause-loop exits", Level::recommended, Scope::host,
          "a pinned vCPU gains nothing by yielding", pause_loop},
    Check{"V9", "VMX preemption timer", Level::info, Scope::host,
          "guest timers without a host timer", preemption_timer},
    Check{"V10", "guest performance counters", Level::info, Scope::host, "counters make NMIs",
          guest_pmu},
    Check{"V11", "exits may be disabled", Level::info, Scope::host,
          "when on, cpu-pm is refused; affected AMD processors with SMT need it", smt_rsb},
    Check{"V12", "scalable page tables", Level::info, Scope::host,
          "page faults of vCPUs do not wait for each other", page_splitting},
};

}  // namespace

std::span<const Check> kvm_module_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
