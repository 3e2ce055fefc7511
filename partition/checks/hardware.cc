// SPDX-License-Identifier: MIT
// Catalogue section 2.1, first half: what the processor and the platform must have.
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kCpuinfo = "/proc/cpuinfo";

/// All of `flags` in /proc/cpuinfo.
Finding expect_flags(const HostView& host, const std::vector<std::string>& flags, std::string fix) {
  if (processors(host).empty()) return unreadable(host, kCpuinfo, join(flags, " "));
  std::vector<std::string> missing;
  for (const std::string& flag : flags) {
    if (!has_flag(host, flag)) missing.push_back(flag);
  }
  return verdict(missing.empty(), missing.empty() ? join(flags, " ") : "no " + join(missing, ", "),
                 join(flags, " "), std::move(fix));
}

Finding virtualization(const HostView& host, const Wanted& /*wanted*/) {
  if (processors(host).empty()) return unreadable(host, kCpuinfo, "vmx or svm");
  for (const char* flag : {"vmx", "svm"}) {
    if (has_flag(host, flag)) return good(flag, "vmx or svm");
  }
  return bad("neither vmx nor svm", "vmx or svm",
             fix_firmware("enable Intel VT-x or AMD-V (SVM); in a virtual machine: nesting"));
}

Finding kvm_device(const HostView& host, const Wanted& /*wanted*/) {
  constexpr const char* kWanted = "/dev/kvm opens, API version 12";
  const std::string module = is_amd(host) ? "kvm_amd" : "kvm_intel";
  const FileText api = host.read("/kvmrt/kvm-api");
  if (api.ok()) {
    const std::string version(trimmed(api.text));
    return verdict(version == "12", "API version " + version, kWanted, "another kernel");
  }
  if (api.error == EACCES || api.error == EPERM)
    return unknown("cannot open /dev/kvm: permission denied", kWanted,
                   fix_run("kvmrt-validate-host as root, or as a member of group kvm"));
  if (!host.exists("/dev/kvm")) return bad("no /dev/kvm", kWanted, fix_run("modprobe " + module));
  return unknown("/dev/kvm exists, not opened", kWanted);
}

Finding stable_tsc(const HostView& host, const Wanted& /*wanted*/) {
  return expect_flags(host, {"constant_tsc", "nonstop_tsc"},
                      fix_firmware("another machine: this one's TSC stops or changes its rate"));
}

Finding tsc_deadline(const HostView& host, const Wanted& /*wanted*/) {
  Finding finding =
      expect_flags(host, {"tsc_deadline_timer"}, fix_firmware("another machine, or a newer one"));
  if (is_amd(host)) finding.level = Level::recommended;
  return finding;
}

Finding clocksource(const HostView& host, const Wanted& /*wanted*/) {
  return expect_text(host, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                     "tsc",
                     fix_boot("tsc=reliable (look for 'Marking TSC unstable' in dmesg first)"));
}

bool is_yes(std::string_view value) { return value == "Y" || value == "1"; }

/// Every named parameter of the module that is there must be on.
Finding expect_on(const HostView& host, const std::string& module,
                  const std::vector<std::string>& parameters) {
  std::vector<std::string> found, off;
  for (const std::string& name : parameters) {
    const auto value = module_parameter(host, module, name);
    if (!value) continue;
    found.push_back(fmt::format("{}={}", name, *value));
    if (!is_yes(*value)) off.push_back(name);
  }
  const std::string wanted = join(parameters, ", ") + " on";
  if (found.empty())
    return unknown("no parameters of " + module + " (KVM built in, or another KVM)", wanted);
  return verdict(off.empty(), module + " " + join(found, " "), wanted,
                 off.empty() ? "" : fix_module(host, module, off.front(), "1"));
}

Finding nested_paging(const HostView& host, const Wanted& /*wanted*/) {
  if (processors(host).empty()) return unreadable(host, kCpuinfo, "ept and vpid, or npt");
  const bool amd = is_amd(host);
  Finding flags = amd ? expect_flags(host, {"npt"}, fix_firmware("enable nested paging"))
                      : expect_flags(host, {"ept", "vpid"}, fix_firmware("enable VT-x with EPT"));
  if (flags.kind != Finding::Kind::good) return flags;
  Finding module = amd ? expect_on(host, "kvm_amd", {"npt"})
                       : expect_on(host, "kvm_intel", {"ept", "unrestricted_guest"});
  return module.kind == Finding::Kind::unknown ? flags : module;
}

Finding posted_interrupts(const HostView& host, const Wanted& /*wanted*/) {
  if (is_amd(host)) {
    const auto avic = module_parameter(host, "kvm_amd", "avic");
    if (!avic) return unknown("no parameters of kvm_amd", "avic on");
    return verdict(is_yes(*avic), "kvm_amd avic=" + *avic, "avic on",
                   fix_module(host, "kvm_amd", "avic", "1"));
  }
  return expect_on(host, "kvm_intel", {"enable_apicv"});
}

Finding gigabyte_pages(const HostView& host, const Wanted& /*wanted*/) {
  return expect_flags(host, {"pdpe1gb"}, "use 2MiB huge pages (memory.hugepages: 2MiB)");
}

Finding iommu(const HostView& host, const Wanted& wanted) {
  const std::string want = "an IOMMU with groups and interrupt remapping";
  const auto units = host.list("/sys/class/iommu");
  const auto groups = host.list("/sys/kernel/iommu_groups");
  const bool needed = !wanted.pci.empty();
  if (!units.empty() && !groups.empty())
    return good(fmt::format("{}, {} groups", some_of(units, 2), groups.size()), want);
  const std::string fix =
      fix_boot(is_amd(host) ? "amd_iommu=on iommu=pt" : "intel_iommu=on iommu=pt") +
      " (and VT-d or AMD-Vi in the firmware)";
  const std::string found = units.empty() ? "no IOMMU" : "no IOMMU groups";
  if (!needed) return not_applicable(found + "; no device is passed through");
  return bad(found, want, fix);
}

Finding cache_control(const HostView& host, const Wanted& /*wanted*/) {
  const std::string want = "cat_l3 or mba, resctrl mounted";
  if (processors(host).empty()) return unreadable(host, kCpuinfo, want);
  std::vector<std::string> flags;
  for (const char* flag : {"cat_l3", "cdp_l3", "cat_l2", "mba"}) {
    if (has_flag(host, flag)) flags.emplace_back(flag);
  }
  if (flags.empty())
    return bad("no cat_l3, no mba", want,
               fix_firmware("a processor with cache allocation (RDT, QoS), or fewer neighbours"));
  if (!host.exists("/sys/fs/resctrl"))
    return bad(join(flags, " ") + ", but the kernel has no resctrl", want,
               "a kernel with CONFIG_X86_CPU_RESCTRL");
  if (!host.exists("/sys/fs/resctrl/schemata"))
    return bad(join(flags, " ") + ", resctrl not mounted", want,
               fix_run("mount -t resctrl resctrl /sys/fs/resctrl"));
  return good(join(flags, " ") + ", resctrl mounted", want);
}

constexpr std::array kChecks{
    Check{"H1", "hardware virtualization", Level::required, Scope::host,
          "KVM needs VT-x or AMD-V; without it guests are emulated", virtualization},
    Check{"H2", "KVM can be used", Level::required, Scope::host, "the guest runs through /dev/kvm",
          kvm_device},
    Check{"H3", "TSC constant and never stopping", Level::required, Scope::host,
          "else the kernel falls back to a slow clock, and guests that do not see KVM hang",
          stable_tsc},
    Check{"H4", "TSC deadline timer", Level::required, Scope::host,
          "guest timers fire through it without a slow programmable timer", tsc_deadline},
    Check{"H5", "clock source is the TSC", Level::required, Scope::host,
          "any other clock costs microseconds at each reading", clocksource},
    Check{"H6", "nested paging in use", Level::required, Scope::host,
          "shadow page tables stall the guest at each change of its own", nested_paging},
    Check{"H7", "interrupts delivered without exits", Level::recommended, Scope::host,
          "APICv and AVIC save an exit per interrupt", posted_interrupts},
    Check{"H8", "1 GiB pages", Level::recommended, Scope::host,
          "fewest TLB misses for guest memory", gigabyte_pages},
    Check{"H9", "IOMMU for passthrough", Level::required, Scope::host,
          "VFIO hands out devices by IOMMU group", iommu},
    Check{"H10", "cache and bandwidth control", Level::recommended, Scope::host,
          "neighbours evict the guest's cache lines: an uncached switch can exceed 50 us",
          cache_control},
};

}  // namespace

std::span<const Check> hardware_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
