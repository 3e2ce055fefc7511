// SPDX-License-Identifier: MIT
// Catalogue section 2.8, second part: what the kernel does with memory meanwhile.
#include <array>
#include <cerrno>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

Finding huge_on_demand(const HostView& host, const Wanted& /*wanted*/) {
  const std::string path = "/sys/kernel/mm/transparent_hugepage/enabled";
  const auto text = text_of(host, path);
  if (!text) return not_applicable("this kernel has none (PREEMPT_RT never has)");
  return verdict(text->find("[never]") != std::string::npos, *text, "[never]",
                 fix_boot("transparent_hugepage=never"));
}

Finding page_merging(const HostView& host, const Wanted& /*wanted*/) {
  const auto value = text_of(host, "/sys/kernel/mm/ksm/run");
  const bool daemon = runs(host, "ksmtuned");
  if (!value) return not_applicable("this kernel does not merge pages");
  return verdict(*value != "1" && !daemon, *value + (daemon ? ", ksmtuned runs" : ""),
                 "2 (or 0, nothing merged)",
                 daemon ? fix_run("systemctl mask --now ksm ksmtuned")
                        : fix_run("echo 2 > /sys/kernel/mm/ksm/run"));
}

Finding swap(const HostView& host, const Wanted& /*wanted*/) {
  const FileText swaps = host.read("/proc/swaps");
  if (!swaps.ok()) return unreadable(host, "/proc/swaps", "no swap, or swappiness 10 at most");
  std::size_t areas = 0;
  for (const std::string_view line : lines_of(swaps.text))
    areas += !line.empty() && !line.starts_with("Filename") ? 1 : 0;
  const auto swappiness = number_of(host, "/proc/sys/vm/swappiness");
  const std::string found = fmt::format("{} swap areas, swappiness {}", areas,
                                        swappiness ? std::to_string(*swappiness) : "unknown");
  return verdict(
      areas == 0 || (swappiness && *swappiness <= 10), areas == 0 ? "no swap" : found,
      "no swap, or swappiness 10 at most",
      fix_run("swapoff -a (and /etc/fstab)") + ", or " + fix_sysctl("vm.swappiness", "10"));
}

Finding compaction(const HostView& host, const Wanted& /*wanted*/) {
  std::vector<std::string> wrong;
  const auto reclaim = text_of(host, "/proc/sys/vm/zone_reclaim_mode");
  const auto compact = text_of(host, "/proc/sys/vm/compaction_proactiveness");
  if (runs(host, "numad")) wrong.emplace_back("numad runs");
  if (reclaim && *reclaim != "0") wrong.push_back("zone_reclaim_mode " + *reclaim);
  if (compact && *compact != "0") wrong.push_back("compaction_proactiveness " + *compact);
  return verdict(wrong.empty(), wrong.empty() ? "none of them" : join(wrong),
                 "no numad, zone_reclaim_mode 0, compaction_proactiveness 0",
                 fix_sysctl("vm.compaction_proactiveness", "0"));
}

bool gives(const VmNeed& vm, long long node) {
  return vm.nodes.empty() || vm.nodes.has(NodeId(static_cast<int>(node)));
}

Finding device_nodes(const HostView& host, const Wanted& wanted) {
  const std::string want = "devices on the VM's nodes";
  if (wanted.pci.empty()) return not_applicable("no device is passed through");
  std::vector<std::string> far, unsure;
  for (const std::string& address : wanted.pci) {
    const auto node = number_of(host, "/sys/bus/pci/devices/" + address + "/numa_node");
    if (!node || *node < 0) {
      unsure.push_back(address);
      continue;
    }
    bool near = false;
    for (const VmNeed& vm : wanted.memory) near = near || gives(vm, *node);
    if (!near) far.push_back(fmt::format("{} on node {}", address, *node));
  }
  if (!far.empty()) return bad(join(far), want, "cpuset and numatune: choose that node");
  if (!unsure.empty()) return unknown("the node is not known of " + join(unsure), want);
  return good(join(wanted.pci), want);
}

/// VmLck and HugetlbPages of /proc/PID/status.
std::optional<Bytes> locked_by(const HostView& host, Pid pid) {
  const FileText status = host.read(fmt::format("/proc/{}/status", pid.value()));
  if (!status.ok()) return std::nullopt;
  Bytes sum;
  for (const std::string_view line : lines_of(status.text)) {
    const auto fields = fields_of(line);
    if (fields.size() < 2 || (fields[0] != "VmLck:" && fields[0] != "HugetlbPages:")) continue;
    sum = sum + kib(static_cast<std::uint64_t>(to_number(fields[1]).value_or(0)));
  }
  return sum;
}

Finding locked_memory(const HostView& host, const Wanted& wanted) {
  const std::string want = "VmLck and HugetlbPages reach the guest's memory";
  std::vector<std::string> short_of, fine;
  for (const VmNeed& vm : wanted.memory) {
    if (!vm.qemu || !vm.locked) continue;
    const auto locked = locked_by(host, *vm.qemu);
    if (!locked) return unknown("cannot read the status of " + vm.name + "'s QEMU", want);
    (*locked < vm.memory ? short_of : fine)
        .push_back(
            fmt::format("{}: {} MiB of {}", vm.name, locked->count() >> 20U, to_string(vm.memory)));
  }
  if (short_of.empty() && fine.empty()) return not_applicable("no VM with locked memory runs");
  return verdict(short_of.empty(), join(short_of.empty() ? fine : short_of), want,
                 fix_run("kvmrt-shutdown and kvmrt-launch that VM again"));
}

constexpr std::array kChecks{
    Check{"M5", "no huge pages on demand", Level::recommended, Scope::host,
          "khugepaged copies and remaps memory", huge_on_demand},
    Check{"M6", "no page merging", Level::recommended, Scope::host,
          "a merged page costs a fault when written", page_merging},
    Check{"M7", "no swapping", Level::recommended, Scope::host,
          "a page fetched from disk takes milliseconds", swap},
    Check{"M8", "no background moving of pages", Level::info, Scope::host,
          "numad, reclaim and compaction move pages in use", compaction},
    Check{"M9", "devices near their VM", Level::recommended, Scope::host,
          "each access crosses the interconnect otherwise", device_nodes},
    Check{"M10", "guest memory locked", Level::required, Scope::host,
          "what is not locked can be taken away", locked_memory},
};

}  // namespace

std::span<const Check> memory_policy_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
