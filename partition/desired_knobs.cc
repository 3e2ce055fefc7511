// SPDX-License-Identifier: MIT
#include "partition/desired_knobs.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/file.h"
#include "partition/device_wish.h"
#include "partition/drivers.h"
#include "partition/irqbalance.h"
#include "partition/irqs.h"
#include "partition/knob.h"
#include "partition/links.h"
#include "partition/resctrl.h"
#include "partition/services.h"

namespace kvmrt::partition {
namespace {

class Wisher {
 public:
  Wisher(const HostState& state, const Ledger& ledger, const Division& division, Desired& wanted)
      : state_(state), ledger_(ledger), division_(division), wanted_(wanted) {}

  /// What the ledger knows goes back unless a lease, below, wants otherwise.
  void originals() {
    for (const auto& [knob, record] : ledger_.knobs) {
      if (is_module_knob(knob)) continue;  // taking one out disturbs more than it gives
      wanted_.knobs[knob] = {record.original, "given back", knob.ends_with("/online"), false};
    }
  }

  void host_wide_masks() {
    mask(kDefaultIrqKnob, "interrupts requested later stay off owned CPUs");
    mask(kWatchdogKnob, "no lockup watchdog on owned CPUs");
    for (const auto& entry : state_.knobs) {
      if (entry.first.starts_with(kWorkqueues))
        mask(entry.first, "unbound kernel work stays off owned CPUs");
      if (entry.first.ends_with("/rps_cpus"))
        mask(entry.first, "packet steering stays off owned CPUs");
    }
  }

  void balancer() {
    const auto rule = ledger_.policy.on_conflict.find("irqbalance");
    const bool told =
        rule != ledger_.policy.on_conflict.end() && rule->second == ConflictRule::configure;
    if (!told || division_.taken.empty() || !known(kBalancerKnob)) return;
    const auto banned = CpuSet::from_list(original(kBalancerKnob)).value_or(CpuSet{});
    want(kBalancerKnob, (banned | division_.taken).list(), "irqbalance keeps off owned CPUs",
         false);
  }

  void interrupts() {
    for (const Irq& irq : state_.irqs) interrupt(irq);
  }

  void siblings() {
    for (const CpuId cpu : division_.offline.members()) {
      want(online_knob(cpu), "0", fmt::format("SMT sibling of an RT VM's CPU{}", owner_text(cpu)),
           true);
      // Offline and online again may set these to their defaults.
      keep(governor_knob(cpu));
      keep(latency_knob(cpu));
    }
    for (const CpuId cpu : division_.usable.members()) {
      const auto record = ledger_.knobs.find(online_knob(cpu));
      if (record != ledger_.knobs.end())
        want(online_knob(cpu), "1", "an RT VM uses it" + owner_text(cpu), true);
    }
  }

  void partitions() {
    bool any = false;
    for (const Lease& lease : ledger_.leases) {
      if (!uses_partition(lease, state_.partitions)) continue;
      any = true;
      want(partition_knob(lease.vm), lease.plan.usable_cpus().list(),
           fmt::format("CPUs of {} leave the scheduler's domains", lease.vm), true);
    }
    if (any) want(kControllersKnob, "+cpuset", "partitions need the cpuset controller", false);
  }

  void power() {
    const Power& power = ledger_.policy.power;
    for (const CpuId cpu : division_.usable.members()) {
      if (!power.governor.empty())
        want(governor_knob(cpu), power.governor, "constant frequency" + owner_text(cpu), false);
      if (power.latency_us) latency(cpu, *power.latency_us);
    }
  }

  void throttling() {
    if (ledger_.policy.throttling == Throttling::keep || !division_.rt) return;
    if (!state_.fair_server) {
      want(kThrottlingKnob, "-1", "host.yaml: throttling off; for all CPUs of the host", false);
      return;
    }
    for (const CpuId cpu : division_.usable.members())
      want(fair_server_knob(cpu), "0", "host.yaml: throttling off" + owner_text(cpu), false);
  }

  void devices() {
    for (const Lease& lease : ledger_.leases) {
      for (const auto& [knob, value] : device_knobs(lease)) {
        // A new interface of that name would not be the one that QEMU holds.
        if (is_link_knob(knob) && lease.qemu && !state_.knobs.contains(knob)) continue;
        want(knob, value, "device of " + lease.vm, is_module_knob(knob));
      }
    }
  }

  void huge_pages() {
    std::map<std::string, std::uint64_t> added;
    for (const auto& [vm, knobs] : ledger_.pages) {
      if (ledger_.find(vm) == nullptr) continue;
      for (const auto& [knob, count] : knobs) added[knob] += count;
    }
    for (const auto& [knob, count] : added) {
      const auto text = original(knob);
      std::uint64_t before = 0;
      std::from_chars(text.data(), text.data() + text.size(), before);
      want(knob, std::to_string(before + count), "huge pages for guests", false);
    }
  }

 private:
  [[nodiscard]] std::string original(const std::string& knob) const {
    if (const auto at = ledger_.knobs.find(knob); at != ledger_.knobs.end())
      return at->second.original;
    const auto at = state_.knobs.find(knob);
    return at == state_.knobs.end() ? std::string() : at->second;
  }

  [[nodiscard]] bool known(const std::string& knob) const {
    return state_.knobs.contains(knob) || ledger_.knobs.contains(knob);
  }

  /// Absent knobs (no cpufreq here, no such file on this kernel) are not wished for; a partition's
  /// cgroup is made.
  void want(const std::string& knob, std::string value, std::string reason, bool disturbs) {
    if (!known(knob) && !is_partition_knob(knob) && !is_link_knob(knob)) return;
    wanted_.knobs[knob] = {std::move(value), std::move(reason), disturbs, false};
  }

  void keep(const std::string& knob) {
    if (!known(knob)) return;
    wanted_.knobs[knob] = {original(knob), "given back", false, true};
  }

  [[nodiscard]] std::string owner_text(CpuId cpu) const {
    for (const Lease& lease : ledger_.leases) {
      if (lease.plan.owned_cpus.has(cpu)) return " (" + lease.vm + ")";
    }
    return "";
  }

  void mask(const std::string& knob, const std::string& reason) {
    if (!known(knob)) return;
    const bool list = kind_of(knob) == KnobKind::cpu_list;
    const std::string text = original(knob);
    const auto cpus = list ? CpuSet::from_list(text) : CpuSet::from_hex_mask(text);
    if (!cpus || !cpus->intersects(division_.taken)) return;
    const CpuSet narrowed = division_.narrowed(*cpus);
    want(knob, list ? narrowed.list() : narrowed.hex_mask(), reason, false);
  }

  void interrupt(const Irq& irq) {
    const std::string knob = irq.knob();
    if (!division_.rt) {
      mask(knob, "interrupts leave offline CPUs (" + irq.actions + ")");
      return;
    }
    if (const auto rule = irq_rule(irq, ledger_.policy)) {
      const CpuSet cpus = *rule - division_.offline;
      if (!cpus.empty()) want(knob, cpus.list(), "host.yaml: irqs (" + irq.actions + ")", false);
      return;
    }
    if (const Lease* owner = owner_of(irq); owner != nullptr) {
      want(knob, owner->plan.emulator_cpus.list(),
           fmt::format("{}'s own device ({})", owner->vm, irq.actions), false);
      return;
    }
    mask(knob, "interrupts leave owned CPUs (" + irq.actions + ")");
  }

  [[nodiscard]] const Lease* owner_of(const Irq& irq) const {
    if (irq.device.empty()) return nullptr;
    for (const Lease& lease : ledger_.leases) {
      const auto& devices = lease.request.pci;
      if (!lease.plan.emulator_cpus.empty() &&
          std::find(devices.begin(), devices.end(), irq.device) != devices.end())
        return &lease;
    }
    return nullptr;
  }

  /// "0": no limit, "n/a": no latency at all, else microseconds. A tighter one stays.
  void latency(CpuId cpu, int limit_us) {
    const std::string knob = latency_knob(cpu);
    const std::string before = original(knob);
    int now_us = 0;
    std::from_chars(before.data(), before.data() + before.size(), now_us);
    const bool tighter = before == "n/a" || (now_us > 0 && now_us <= limit_us);
    if (tighter) return;
    want(knob, limit_us == 0 ? "n/a" : std::to_string(limit_us),
         "shallow idle states only" + owner_text(cpu), false);
  }

  const HostState& state_;
  const Ledger& ledger_;
  const Division& division_;
  Desired& wanted_;
};

/// The CPU of a per-CPU kernel thread: "rcuc/3", "kworker/3:1H"; nothing for "kworker/u8:2".
std::optional<CpuId> cpu_of(std::string_view comm, std::string_view family) {
  if (!comm.starts_with(family) || comm.size() <= family.size() + 1 || comm[family.size()] != '/')
    return std::nullopt;
  int cpu = -1;
  comm.remove_prefix(family.size() + 1);
  const auto [end, error] = std::from_chars(comm.data(), comm.data() + comm.size(), cpu);
  if (error != std::errc{}) return std::nullopt;
  if (end != comm.data() + comm.size() && *end != ':') return std::nullopt;
  return CpuId(cpu);
}

struct Family {
  std::string_view name;
  int priority;
};

std::vector<Family> families(const KthreadPriorities& priorities) {
  return {{"rcuc", priorities.rcuc},
          {"ktimers", priorities.ktimers},
          {"ksoftirqd", priorities.ksoftirqd},
          {"kworker", priorities.kworker}};
}

/// The highest real-time priority of the VMs' threads on that CPU.
int guest_priority(const Ledger& ledger, CpuId cpu) {
  int highest = 0;
  for (const Lease& lease : ledger.leases) {
    for (const ThreadPlan& thread : lease.plan.threads) {
      if (thread.scheduling.policy != Policy::other && thread.cpus.has(cpu))
        highest = std::max(highest, thread.scheduling.priority);
    }
  }
  for (const Service& service : ledger.policy.services) {
    if (service.cpus.has(cpu)) highest = std::max(highest, service.priority);
  }
  return highest;
}

/// Raised as a whole where the guest's priority asks for it, so that their order stays.
int raised(const Ledger& ledger, CpuId cpu, int priority) {
  constexpr int kHighest = 98;  // 99 is migration's and the watchdog's
  int lowest = kHighest;
  for (const Family& family : families(ledger.policy.kthread_priorities)) {
    if (family.priority > 0) lowest = std::min(lowest, family.priority);
  }
  const int guest = guest_priority(ledger, cpu);
  return std::min(kHighest, priority + std::max(0, guest + 1 - lowest));
}

std::optional<Scheduling> wished_policy(const Task& task, const Ledger& ledger,
                                        const Division& division) {
  for (const Family& family : families(ledger.policy.kthread_priorities)) {
    if (family.priority <= 0) continue;
    const auto cpu = cpu_of(task.comm, family.name);
    if (cpu && division.usable.has(*cpu))
      return Scheduling{Policy::fifo, raised(ledger, *cpu, family.priority)};
  }
  return std::nullopt;
}

/// A service's poll threads: above the vCPUs, as host.yaml says.
std::optional<Scheduling> service_policy(const Services& services, const Task& task) {
  const Service* service = services.of(task);
  if (service == nullptr || service->priority <= 0 || !services.polls(task)) return std::nullopt;
  return Scheduling{Policy::fifo, service->priority};
}

std::optional<Scheduling> wish_for(const HostState& state, const Services& services,
                                   const Task& task, const Ledger& ledger,
                                   const Division& division) {
  if (!task.kernel) return division.rt ? service_policy(services, task) : std::nullopt;
  const bool raise = state.rt_kernel || ledger.policy.kthread_priorities_named;
  return raise ? wished_policy(task, ledger, division) : std::nullopt;
}

}  // namespace

void want_knobs(const HostState& state, const Ledger& ledger, const Division& division,
                Desired& wanted) {
  Wisher wisher(state, ledger, division, wanted);
  wisher.originals();
  wisher.host_wide_masks();
  wisher.balancer();
  wisher.interrupts();
  wisher.siblings();
  wisher.partitions();
  wisher.power();
  wisher.throttling();
  wisher.huge_pages();
  wisher.devices();
  want_cache(state, ledger, wanted);
}

void want_policies(const HostState& state, const Ledger& ledger, const Division& division,
                   Desired& wanted) {
  const Services services(state, ledger);
  for (std::size_t i = 0; i < state.tasks.size(); ++i) {
    const Task& task = state.tasks[i];
    if (!task.known_policy) continue;
    const auto record = ledger.policies.find(task.tid.value());
    const bool recorded =
        record != ledger.policies.end() && record->second.start_time == task.start_time;
    const Scheduling original = recorded ? record->second.original : task.scheduling;
    const auto wish = wish_for(state, services, task, ledger, division);
    if (wish && (original.policy == Policy::other || original.priority < wish->priority)) {
      wanted.policies.push_back({i, *wish, "above the vCPUs, which wait for it"});
    } else if (recorded) {
      wanted.policies.push_back({i, original, "given back"});
    }
  }
}

}  // namespace kvmrt::partition
