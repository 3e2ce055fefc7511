// SPDX-License-Identifier: MIT
// Catalogue section 2.5: interrupts, and the network's part in them.
#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"
#include "partition/checks/sample.h"

namespace kvmrt::partition::checks {
namespace {

/// Queues of NVMe and virtio block devices: the kernel spreads them itself, and no file says so.
bool looks_managed(const Irq& irq) {
  return irq.actions.starts_with("nvme") || irq.actions.find("-req.") != std::string::npos;
}

std::string name_of(const Irq& irq) { return fmt::format("{} ({})", irq.number, irq.actions); }

Finding interrupts_elsewhere(const HostView& host, const Wanted& wanted) {
  const std::string want = "no interrupt on " + wanted.rt_cpus.list();
  const auto all = irqs(host);
  if (all.empty()) return unknown("no interrupts to be seen in /proc/irq", want);
  std::vector<std::string> there, managed;
  for (const Irq& irq : all) {
    if (irq.actions.empty() || !irq.effective.intersects(wanted.rt_cpus)) continue;
    (looks_managed(irq) ? managed : there).push_back(name_of(irq));
  }
  if (there.empty() && managed.empty()) return good("none", want);
  // Those fire only when a task on that CPU uses the device, and no write moves them.
  if (there.empty())
    return bad("managed ones only: " + some_of(managed), want,
               fix_boot("isolcpus=managed_irq,domain," + wanted.rt_cpus.list()))
        .as(Level::recommended);
  return at_start(wanted,
                  fmt::format("{} there: {}", there.size() + managed.size(), some_of(there)), want,
                  fix_at_start(fmt::format("echo {} > /proc/irq/N/smp_affinity_list",
                                           wanted.housekeeping.list())));
}

Finding default_affinity(const HostView& host, const Wanted& wanted) {
  const std::string path = "/proc/irq/default_smp_affinity";
  const std::string want = wanted.housekeeping.hex_mask();
  const auto text = text_of(host, path);
  const auto mask = text ? CpuSet::from_hex_mask(*text) : std::nullopt;
  if (!mask) return unreadable(host, path, want);
  if (!mask->intersects(wanted.rt_cpus)) return good(*text, want);
  return at_start(wanted, *text, want, fix_at_start(fmt::format("echo {} > {}", want, path)));
}

Finding unmovable(const HostView& host, const Wanted& wanted) {
  std::vector<std::string> managed;
  for (const Irq& irq : irqs(host)) {
    if (looks_managed(irq) && irq.allowed.intersects(wanted.rt_cpus))
      managed.push_back(name_of(irq));
  }
  return verdict(managed.empty(), managed.empty() ? "none by name" : "by name: " + some_of(managed),
                 "no managed interrupt allowed on " + wanted.rt_cpus.list(),
                 fix_boot("isolcpus=managed_irq,domain," + wanted.rt_cpus.list()));
}

Finding interrupts_during_sample(const HostView& host, const Wanted& wanted) {
  const auto deltas = interrupt_deltas(host);
  const std::string want = "at most 1 per second and source on " + wanted.rt_cpus.list();
  if (!deltas) return unknown("not sampled", want, fix_run("kvmrt-validate-host --sample 10"));
  const long long limit = std::max(1LL, sample_seconds(host));
  std::vector<std::string> noisy;
  for (const CpuId cpu : wanted.rt_cpus.members()) {
    const auto rows = deltas->find(cpu);
    if (rows == deltas->end()) continue;
    for (const auto& [row, count] : rows->second) {
      if (count > limit) noisy.push_back(fmt::format("CPU {} {}: {}", cpu.value(), row, count));
    }
  }
  return verdict(noisy.empty(),
                 noisy.empty() ? fmt::format("quiet for {} s", sample_seconds(host))
                               : fmt::format("in {} s: {}", sample_seconds(host), some_of(noisy)),
                 want, "see C1 for LOC, S4 for RES and CAL, I1 for devices");
}

/// The CPUs that irqbalance keeps off: named in its file, else those isolated at boot.
CpuSet banned_by_irqbalance(const HostView& host) {
  for (const char* path : {"/etc/default/irqbalance", "/etc/sysconfig/irqbalance"}) {
    const FileText file = host.read(path);
    for (std::string_view line : lines_of(file.text)) {
      constexpr std::string_view kKey = "IRQBALANCE_BANNED_CPULIST=";
      line = trimmed(line);
      if (!line.starts_with(kKey)) continue;
      std::string value(line.substr(kKey.size()));
      value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
      if (const auto cpus = CpuSet::from_list(value); cpus && !cpus->empty()) return *cpus;
    }
  }
  return isolated_at_boot(host) | nohz_full(host);
}

Finding balancer(const HostView& host, const Wanted& wanted) {
  const std::string want = "not running, or RT CPUs banned";
  if (!runs(host, "irqbalance")) return good("not running", want);
  const CpuSet banned = banned_by_irqbalance(host);
  const std::string found =
      banned.empty() ? "runs, no CPU banned" : "runs, banned " + banned.list();
  return verdict(wanted.rt_cpus.subset_of(banned), found, want,
                 fmt::format("/etc/default/irqbalance: IRQBALANCE_BANNED_CPULIST={} (then "
                             "systemctl restart irqbalance), or systemctl disable --now irqbalance",
                             wanted.rt_cpus.list()));
}

std::vector<std::string> network_devices(const HostView& host) {
  std::vector<std::string> devices;
  for (const std::string& name : host.list("/sys/class/net")) {
    if (host.exists("/sys/class/net/" + name + "/device")) devices.push_back(name);
  }
  return devices;
}

std::vector<std::string> queues_of(const HostView& host, const std::string& device,
                                   std::string_view kind) {
  std::vector<std::string> queues;
  for (const std::string& queue : host.list("/sys/class/net/" + device + "/queues")) {
    if (queue.starts_with(kind)) queues.push_back(queue);
  }
  return queues;
}

Finding channels(const HostView& host, const Wanted& wanted) {
  const auto limit = wanted.housekeeping.count();
  const std::string want = fmt::format("at most {} queues per device", limit);
  std::vector<std::string> wide, all;
  for (const std::string& device : network_devices(host)) {
    const auto queues = queues_of(host, device, "rx-").size();
    all.push_back(fmt::format("{}: {}", device, queues));
    if (queues > limit) wide.push_back(device);
  }
  if (all.empty()) return not_applicable("no network device");
  return verdict(wide.empty(), some_of(all), want,
                 wide.empty() ? ""
                              : fix_run(fmt::format("ethtool -L {} combined {} (resets the link "
                                                    "for about 1 s)",
                                                    wide.front(), limit)));
}

Finding packet_steering(const HostView& host, const Wanted& wanted) {
  const std::string want = "rps_cpus and xps_cpus outside " + wanted.rt_cpus.list();
  std::vector<std::string> there;
  bool any = false;
  const auto look = [&](const std::string& path) {
    const auto text = text_of(host, path);
    const auto mask = text ? CpuSet::from_hex_mask(*text) : std::nullopt;
    any = any || mask.has_value();
    if (mask && mask->intersects(wanted.rt_cpus)) there.push_back(path);
  };
  look("/proc/sys/net/core/rps_default_mask");
  for (const std::string& device : network_devices(host)) {
    const std::string folder = "/sys/class/net/" + device + "/queues/";
    for (const auto& queue : queues_of(host, device, "rx-")) look(folder + queue + "/rps_cpus");
    for (const auto& queue : queues_of(host, device, "tx-")) look(folder + queue + "/xps_cpus");
  }
  if (!any) return not_applicable("no queue with a steering mask");
  return verdict(there.empty(), there.empty() ? "outside" : some_of(there, 2), want,
                 there.empty() ? ""
                               : fix_run(fmt::format("echo {} > {}", wanted.housekeeping.hex_mask(),
                                                     there.front())));
}

Finding vfio_interrupts(const HostView& host, const Wanted& wanted) {
  const std::string want = "outside the vCPUs' CPUs, unless posted";
  std::vector<std::string> there;
  bool any = false;
  for (const Irq& irq : irqs(host)) {
    if (!irq.actions.starts_with("vfio")) continue;
    any = true;
    if (irq.effective.intersects(wanted.rt_cpus)) there.push_back(name_of(irq));
  }
  if (!any) return not_applicable("no interrupt of a passed-through device");
  if (there.empty()) return good("outside", want);
  return at_start(wanted, some_of(there), want,
                  fix_at_start(fmt::format("echo {} > /proc/irq/N/smp_affinity_list",
                                           wanted.housekeeping.list())));
}

Finding threaded(const HostView& host, const Wanted& /*wanted*/) {
  if (is_rt_kernel(host)) return not_applicable("PREEMPT_RT threads interrupts anyway");
  const bool set = boot_parameter(host, "threadirqs").has_value();
  return verdict(set, set ? "threadirqs" : "not set", "threadirqs", fix_boot("threadirqs"));
}

constexpr std::array kChecks{
    Check{"I1", "interrupts off RT CPUs", Level::required, Scope::rt_cpus,
          "each interrupts the guest for microseconds; only the effective CPU counts",
          interrupts_elsewhere},
    Check{"I2", "new interrupts start elsewhere", Level::recommended, Scope::rt_cpus,
          "a driver loaded later uses the default mask", default_affinity},
    Check{"I3", "interrupts that cannot be moved", Level::info, Scope::rt_cpus,
          "managed and per-CPU interrupts refuse a new mask (EIO, EPERM)", unmovable},
    Check{"I4", "RT CPUs quiet for a while", Level::recommended, Scope::rt_cpus,
          "what really interrupted them", interrupts_during_sample},
    Check{"I5", "irqbalance keeps off", Level::required, Scope::rt_cpus,
          "it moves interrupts back within ten seconds", balancer},
    Check{"I6", "few network queues", Level::recommended, Scope::rt_cpus,
          "more queues than housekeeping CPUs end on RT CPUs", channels},
    Check{"I7", "packet steering elsewhere", Level::recommended, Scope::rt_cpus,
          "it sends packets to RT CPUs by inter-processor interrupt", packet_steering},
    Check{"I8", "interrupts of passed-through devices", Level::recommended, Scope::rt_cpus,
          "they interrupt the vCPU unless the processor posts them", vfio_interrupts},
    Check{"I9", "interrupts in threads", Level::info, Scope::host,
          "threads have priorities, hard interrupts do not", threaded},
};

}  // namespace

std::span<const Check> interrupt_checks() { return kChecks; }

}  // namespace kvmrt::partition::checks
