// SPDX-License-Identifier: MIT
// Catalogue section 2.8, first part: whether the VMs' memory and priorities can be had.
#include <array>
#include <cstdlib>
#include <fmt/core.h>

#include "base/bytes.h"
#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

/// What QEMU itself takes beside the guest's memory when all of it is locked; measured about
/// 90 MiB with one vCPU.
constexpr Bytes kQemuMemory = mib(150);

/// Needs of VMs that are not running, by the nodes that may give them.
struct NodeNeed {
  NodeSet nodes;
  Bytes size;
  std::vector<std::string> vms;
};

void add_need(std::vector<NodeNeed>& needs, const VmNeed& vm, Bytes size) {
  for (NodeNeed& need : needs) {
    if (need.nodes == vm.nodes) {
      need.size = need.size + size;
      need.vms.push_back(vm.name);
      return;
    }
  }
  needs.push_back({vm.nodes, size, {vm.name}});
}

NodeSet all_nodes(const HostView& host) {
  const auto text = text_of(host, "/sys/devices/system/node/online");
  return NodeSet::from_list(text.value_or("")).value_or(NodeSet{});
}

std::string where(const NodeSet& nodes) {
  return nodes.empty() ? "all nodes" : "node " + nodes.list();
}

std::string mebibytes(Bytes size) { return fmt::format("{} MiB", size.count() >> 20U); }

/// Free huge pages of one size on these nodes; nothing when the files are not there.
std::optional<Bytes> free_hugepages(const HostView& host, const NodeSet& nodes, Bytes page) {
  std::optional<Bytes> sum;
  for (const NodeId node : (nodes.empty() ? all_nodes(host) : nodes).members()) {
    const auto count =
        number_of(host, fmt::format("/sys/devices/system/node/node{}/hugepages/hugepages-{}kB/"
                                    "free_hugepages",
                                    node.value(), page.count() >> 10U));
    if (count)
      sum = sum.value_or(Bytes{}) + Bytes(static_cast<std::uint64_t>(*count) * page.count());
  }
  return sum;
}

Finding hugepages_of(const HostView& host, const Wanted& wanted, Bytes page) {
  std::vector<NodeNeed> needs;
  for (const VmNeed& vm : wanted.memory) {
    if (vm.hugepages == page && !vm.qemu) add_need(needs, vm, vm.memory);
  }
  std::vector<std::string> texts;
  for (const NodeNeed& need : needs) {
    const std::string want = fmt::format("{} in {} pages on {} for {}", mebibytes(need.size),
                                         to_string(page), where(need.nodes), join(need.vms));
    const auto free = free_hugepages(host, need.nodes, page);
    const auto count = (need.size.count() + page.count() - 1) / page.count();
    const std::string node = need.nodes.empty() ? "0" : to_string(*need.nodes.lowest());
    const std::string fix = fix_run(fmt::format(
        "echo {} > /sys/devices/system/node/node{}/hugepages/hugepages-{}kB/nr_hugepages (early, "
        "or at boot: C16)",
        count, node, page.count() >> 10U));
    if (!free) return unknown("no huge pages of this size in sysfs", want, fix);
    if (*free < need.size) return bad(mebibytes(*free) + " free", want, fix);
    texts.push_back(mebibytes(*free) + " free on " + where(need.nodes));
  }
  return good(join(texts), "as the VMs ask");
}

Finding hugepages(const HostView& host, const Wanted& wanted) {
  Finding last = not_applicable("no VM asks for huge pages");
  for (const Bytes page : {mib(2), gib(1)}) {
    bool asked = false;
    for (const VmNeed& vm : wanted.memory) asked = asked || (vm.hugepages == page && !vm.qemu);
    if (!asked) continue;
    last = hugepages_of(host, wanted, page);
    if (last.kind != Finding::Kind::good) return last;
  }
  return last;
}

/// "Node 0 MemFree: 123 kB" and what can be given back at once.
std::optional<Bytes> free_memory(const HostView& host, const NodeSet& nodes) {
  std::optional<Bytes> sum;
  for (const NodeId node : (nodes.empty() ? all_nodes(host) : nodes).members()) {
    const FileText file =
        host.read(fmt::format("/sys/devices/system/node/node{}/meminfo", node.value()));
    for (const std::string_view line : lines_of(file.text)) {
      const auto fields = fields_of(line);
      if (fields.size() < 4) continue;
      if (fields[2] != "MemFree:" && fields[2] != "Active(file):" && fields[2] != "Inactive(file):")
        continue;
      const auto amount = static_cast<std::uint64_t>(to_number(fields[3]).value_or(0));
      sum = sum.value_or(Bytes{}) + kib(amount);
    }
  }
  return sum;
}

Finding plain_memory(const HostView& host, const Wanted& wanted) {
  std::vector<NodeNeed> needs;
  for (const VmNeed& vm : wanted.memory) {
    if (vm.qemu) continue;
    add_need(needs, vm, vm.hugepages ? kQemuMemory : vm.memory + kQemuMemory);
  }
  if (needs.empty()) return not_applicable("no VM is to be started");
  std::vector<std::string> texts;
  for (const NodeNeed& need : needs) {
    const std::string want =
        fmt::format("{} on {} for {}", mebibytes(need.size), where(need.nodes), join(need.vms));
    const auto free = free_memory(host, need.nodes);
    if (!free) return unknown("no /sys/devices/system/node/node*/meminfo", want);
    if (*free < need.size)
      return bad(mebibytes(*free) + " free", want, "stop other programs, or ask for less memory");
    texts.push_back(mebibytes(*free) + " free on " + where(need.nodes));
  }
  return good(join(texts), "guest memory and 150 MiB for each QEMU");
}

struct Limit {
  std::string soft;
  bool capable = false;
  bool ordinary_user = false;  ///< no capability at all: root may fare better
};

/// A line of /proc/self/limits, and whether the capability (its bit) makes it moot.
std::optional<Limit> limit_of(const HostView& host, std::string_view name, unsigned capability) {
  const FileText limits = host.read("/proc/self/limits");
  const FileText status = host.read("/proc/self/status");
  std::optional<Limit> limit;
  for (const std::string_view line : lines_of(limits.text)) {
    if (!line.starts_with(name)) continue;
    const auto fields = fields_of(line.substr(name.size()));
    if (!fields.empty()) limit = Limit{std::string(fields.front()), false, false};
  }
  for (const std::string_view line : lines_of(status.text)) {
    if (!limit || !line.starts_with("CapEff:")) continue;
    const std::string digits(trimmed(line.substr(7)));
    const auto capabilities = std::strtoull(digits.c_str(), nullptr, 16);
    limit->capable = ((capabilities >> capability) & 1U) != 0;
    limit->ordinary_user = capabilities == 0;
  }
  return limit;
}

Finding memory_lock(const HostView& host, const Wanted& /*wanted*/) {
  constexpr unsigned kIpcLock = 14;  // CAP_IPC_LOCK, linux/capability.h
  const std::string want = "unlimited, or CAP_IPC_LOCK";
  const auto limit = limit_of(host, "Max locked memory", kIpcLock);
  if (!limit) return unreadable(host, "/proc/self/limits", want);
  Finding finding = verdict(
      limit->capable || limit->soft == "unlimited",
      limit->capable ? "CAP_IPC_LOCK" : limit->soft + (limit->soft == "unlimited" ? "" : " bytes"),
      want,
      "/etc/security/limits.d/kvmrt.conf: USER - memlock unlimited (units: "
      "LimitMEMLOCK=infinity)");
  if (limit->ordinary_user) finding.level = Level::recommended;
  return finding;
}

Finding priority_right(const HostView& host, const Wanted& wanted) {
  constexpr unsigned kSysNice = 23;  // CAP_SYS_NICE
  const std::string want = fmt::format("RTPRIO {} or more, or CAP_SYS_NICE", wanted.priority);
  const auto limit = limit_of(host, "Max realtime priority", kSysNice);
  const auto time = limit_of(host, "Max realtime timeout", kSysNice);
  if (!limit) return unreadable(host, "/proc/self/limits", want);
  if (time && time->soft != "unlimited")
    return bad("RTTIME limited to " + time->soft + " us", "RTTIME unlimited",
               "/etc/security/limits.d/kvmrt.conf: USER - rttime unlimited");
  const bool enough =
      limit->soft == "unlimited" || to_number(limit->soft).value_or(0) >= wanted.priority;
  Finding finding =
      verdict(limit->capable || enough, limit->capable ? "CAP_SYS_NICE" : "RTPRIO " + limit->soft,
              want, "/etc/security/limits.d/kvmrt.conf: USER - rtprio 99 (units: LimitRTPRIO=99)");
  if (limit->ordinary_user) finding.level = Level::recommended;
  return finding;
}

constexpr std::array kChecks{
    Check{"M1", "huge pages for the VMs", Level::required, Scope::host,
          "they must be there before QEMU starts", hugepages},
    Check{"M2", "memory for the VMs", Level::required, Scope::host,
          "locked memory must be free on the right nodes", plain_memory},
    Check{"M3", "memory may be locked", Level::required, Scope::host,
          "QEMU locks several 100 MiB more than the guest has", memory_lock},
    Check{"M4", "real-time priority may be used", Level::required, Scope::host,
          "without it vCPUs silently stay ordinary threads", priority_right},
};

}  // namespace

std::span<const Check> memory_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
