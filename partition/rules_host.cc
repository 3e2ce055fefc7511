// SPDX-License-Identifier: MIT
// Advice that depends on the running host. An absent fact says nothing.
#include <algorithm>
#include <fmt/format.h>

#include "partition/planner_checks.h"
#include "partition/words.h"

namespace kvmrt::partition {
namespace {

void advise_kernel(const HostFacts& facts, Draft& draft) {
  if (facts.kernel_rt == false)
    draft.findings.add("host-kernel-not-rt", "rt", "the host's kernel is not PREEMPT_RT",
                       "install a real-time kernel (Debian: linux-image-rt-amd64)");
  if (facts.clocksource && *facts.clocksource != "tsc")
    draft.findings.add("clocksource-not-tsc", "rt",
                       fmt::format("the host's clock source is '{}'", *facts.clocksource),
                       "boot with tsc=reliable if the machine's TSC is sound");
  if (facts.swap_on == true)
    draft.findings.add("swap-on", "rt_memory", "the host swaps", "swapoff -a");
}

void advise_frequency(const Ground& ground, const HostFacts& facts, Draft& draft) {
  // The plan itself sets the governor, if the host file does not forbid it.
  if (!facts.varying_frequency || ground.input.policy.power.governor == "performance") return;
  const CpuSet varying = draft.plan.usable_cpus() & *facts.varying_frequency;
  if (varying.empty()) return;
  draft.findings.add("frequency-not-fixed", "cpuset",
                     cpus_that(varying, "changes its", "change their") + " frequency",
                     "set power: {governor: performance} in host.yaml");
}

/// The priority that a kernel thread of the owned CPUs will have; nothing: not a FIFO thread.
std::optional<int> kthread_priority(const Ground& ground, const HostFacts& facts,
                                    const std::string& name, int wanted) {
  const HostPolicy& policy = ground.input.policy;
  const bool raised = facts.kernel_rt == true || policy.kthread_priorities_named;
  if (raised && wanted > 0) return wanted;
  const auto present = facts.kthread_priorities.find(name);
  if (present == facts.kthread_priorities.end() || present->second == 0) return std::nullopt;
  return present->second;
}

void advise_priority(const Ground& ground, const HostFacts& facts, Draft& draft) {
  const KthreadPriorities& wanted = ground.input.policy.kthread_priorities;
  const auto softirqd = kthread_priority(ground, facts, "ksoftirqd", wanted.ksoftirqd);
  const auto rcuc = kthread_priority(ground, facts, "rcuc", wanted.rcuc);
  const int lowest = std::min(softirqd.value_or(100), rcuc.value_or(100));
  if (draft.request.realtime.priority < lowest) return;
  draft.findings.add("priority-not-below-kthreads", "realtime.priority",
                     fmt::format("{} is not below {}, the lowest of ksoftirqd and rcuc",
                                 draft.request.realtime.priority, lowest),
                     "lower it, or raise kthread_priorities in host.yaml");
}

void advise_irqs(const HostFacts& facts, Draft& draft) {
  CpuSet cpus;
  std::string names;
  const CpuSet usable = draft.plan.usable_cpus();
  for (const ManagedIrq& irq : facts.managed_irqs) {
    if (!irq.cpus.intersects(usable)) continue;
    cpus |= irq.cpus & usable;
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", irq.number, irq.action);
  }
  if (names.empty()) return;
  draft.findings.add("managed-irq-on-rt-cpu", "cpuset",
                     fmt::format("kernel-managed IRQ {} on CPU {}", names, cpus.list()),
                     fmt::format("boot the host with isolcpus=managed_irq,{}", cpus.list()));
}

}  // namespace

void advise_host(const Ground& ground, Draft& draft) {
  if (!ground.input.facts || !draft.request.rt) return;
  const HostFacts& facts = *ground.input.facts;
  advise_kernel(facts, draft);
  advise_frequency(ground, facts, draft);
  advise_priority(ground, facts, draft);
  advise_irqs(facts, draft);
}

}  // namespace kvmrt::partition
