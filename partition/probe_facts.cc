// SPDX-License-Identifier: MIT
#include "partition/probe_facts.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <net/if.h>
#include <set>

#include "base/file.h"
#include "partition/probe_sysfs.h"

namespace kvmrt::partition {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_word(const fs::path& path) {
  const auto text = read_file_if_any(path);
  if (!text) return std::nullopt;
  return std::string(trimmed(*text));
}

std::optional<bool> probe_kernel_rt(const fs::path& root) {
  if (const auto flag = read_word(root / "sys/kernel/realtime")) return *flag == "1";
  const auto version = read_word(root / "proc/version");
  if (!version) return std::nullopt;
  return version->find("PREEMPT_RT") != std::string::npos;
}

std::optional<bool> probe_swap(const fs::path& root) {
  const auto text = read_file_if_any(root / "proc/swaps");
  if (!text) return std::nullopt;
  return lines_of(trimmed(*text)).size() > 1;  // the first line is the heading
}

std::optional<CpuSet> probe_frequency(const fs::path& root) {
  const fs::path folder = root / "sys/devices/system/cpu";
  std::error_code none;
  if (!fs::exists(folder / "cpufreq", none) && !fs::exists(folder / "cpu0/cpufreq", none))
    return std::nullopt;
  CpuSet varying;
  for (const CpuId id : read_cpu_list(folder / "online").members()) {
    const auto governor =
        read_word(folder / fmt::format("cpu{}/cpufreq/scaling_governor", id.value()));
    if (governor && *governor != "performance") varying.insert(id);
  }
  return varying;
}

/// Field 40 of /proc/PID/stat (proc(5): rt_priority); the name before it may hold anything.
int rt_priority_of(const std::string& stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  const auto fields = fields_of(std::string_view(stat).substr(name_end + 1));
  constexpr std::size_t kRtPriority = 40 - 3;  // the first field after the name is number 3
  if (fields.size() <= kRtPriority) return 0;
  int priority = 0;
  const auto field = fields[kRtPriority];
  std::from_chars(field.data(), field.data() + field.size(), priority);
  return priority;
}

/// Those of CPU 0 stand for all: the kernel makes them alike, among its first threads.
std::map<std::string, int> probe_kthreads(const fs::path& root) {
  constexpr std::size_t kFirst = 64;
  std::map<std::string, int> priorities;
  const std::string children = read_file_if_any(root / "proc/2/task/2/children").value_or("");
  const auto pids = fields_of(children);
  for (std::size_t i = 0; i < std::min(pids.size(), kFirst); ++i) {
    const fs::path folder = root / "proc" / pids[i];
    const auto name = read_word(folder / "comm");
    if (!name || !name->ends_with("/0")) continue;
    const std::string kind = name->substr(0, name->size() - 2);
    if (kind != "ksoftirqd" && kind != "rcuc") continue;
    priorities[kind] = rt_priority_of(read_file_if_any(folder / "stat").value_or(""));
  }
  return priorities;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Queues whose affinity drivers leave to the kernel: nvmeNqM but for the admin queue 0, and
/// virtioN-req.M. No file says so (only debugfs, which Debian builds without).
bool is_managed_name(std::string_view action) {
  if (action.starts_with("nvme")) {
    const auto queue = action.find('q');
    return queue != std::string_view::npos && all_digits(action.substr(4, queue - 4)) &&
           all_digits(action.substr(queue + 1)) && action.substr(queue + 1) != "0";
  }
  const auto request = action.find("-req.");
  return action.starts_with("virtio") && request != std::string_view::npos;
}

std::vector<ManagedIrq> probe_managed_irqs(const fs::path& root) {
  std::vector<ManagedIrq> irqs;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root / "sys/kernel/irq", none)) {
    const std::string number = entry.path().filename().string();
    const auto action = read_word(entry.path() / "actions");
    if (!action || !all_digits(number) || !is_managed_name(*action)) continue;
    ManagedIrq irq;
    std::from_chars(number.data(), number.data() + number.size(), irq.number);
    irq.action = *action;
    irq.cpus = read_cpu_list(root / "proc/irq" / number / "effective_affinity_list");
    irqs.push_back(std::move(irq));
  }
  std::sort(irqs.begin(), irqs.end(),
            [](const ManagedIrq& a, const ManagedIrq& b) { return a.number < b.number; });
  return irqs;
}

/// Where a link in sysfs leads, as text; nothing where there is none.
void add_link(const fs::path& link, std::vector<std::string>& paths) {
  std::error_code none;
  const fs::path target = fs::read_symlink(link, none);
  if (!none) paths.push_back(target.string());
}

/// "/dev/sda2": the block device of that name.
void add_named(const fs::path& root, std::string_view source, std::vector<std::string>& paths) {
  if (source.starts_with("/dev/"))
    add_link(root / "sys/class/block" / source.substr(source.rfind('/') + 1), paths);
}

/// Block devices that are mounted, swapped on, or below another one (LVM, RAID, encryption).
std::vector<std::string> used_disks(const fs::path& root) {
  std::vector<std::string> paths;
  const std::string mounts = read_file_if_any(root / "proc/self/mountinfo").value_or("");
  for (const std::string_view line : lines_of(mounts)) {
    const auto fields = fields_of(line);
    if (fields.size() < 3) continue;
    add_link(root / "sys/dev/block" / fields[2], paths);
    // btrfs has a number of its own; the source stands behind the file system's name.
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.end() - dash > 2) add_named(root, dash[2], paths);
  }
  const std::string swaps = read_file_if_any(root / "proc/swaps").value_or("");
  for (const std::string_view line : lines_of(swaps)) {
    const auto fields = fields_of(line);
    if (!fields.empty()) add_named(root, fields[0], paths);
  }
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root / "sys/class/block", none)) {
    if (!fs::is_empty(entry.path() / "holders", none) && !none) add_link(entry.path(), paths);
  }
  return paths;
}

/// Also without a carrier: somebody has set it up.
bool is_up(const fs::path& interface) {
  const std::string flags = read_word(interface / "flags").value_or("0x0");
  unsigned value = 0;
  if (flags.starts_with("0x"))
    std::from_chars(flags.data() + 2, flags.data() + flags.size(), value, 16);
  return (value & IFF_UP) != 0 || read_word(interface / "operstate") == "up";
}

/// The PCI address in a device path such as ".../0000:03:00.0/virtio1/net/eth0"; the last one,
/// which is the device itself and not a bridge above it.
std::string last_pci_address(const fs::path& path) {
  std::string address;
  for (const auto& part : path) {
    const std::string name = part.string();
    if (name.size() == 12 && name[4] == ':' && name[7] == ':' && name[10] == '.') address = name;
  }
  return address;
}

/// PCI devices with an interface that is up or a disk in use.
std::set<std::string> probe_busy_devices(const fs::path& root) {
  std::set<std::string> busy;
  for (const std::string& path : used_disks(root)) busy.insert(last_pci_address(path));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root / "sys/class/net", none)) {
    if (is_up(entry.path())) busy.insert(last_pci_address(fs::read_symlink(entry.path(), none)));
  }
  busy.erase("");
  return busy;
}

}  // namespace

HostFacts probe_facts(const fs::path& root) {
  HostFacts facts;
  facts.kernel_rt = probe_kernel_rt(root);
  facts.clocksource =
      read_word(root / "sys/devices/system/clocksource/clocksource0/current_clocksource");
  facts.swap_on = probe_swap(root);
  facts.varying_frequency = probe_frequency(root);
  facts.kthread_priorities = probe_kthreads(root);
  facts.managed_irqs = probe_managed_irqs(root);
  facts.busy_devices = probe_busy_devices(root);
  facts.boot_parameters = read_word(root / "proc/cmdline");
  return facts;
}

}  // namespace kvmrt::partition
