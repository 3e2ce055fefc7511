// SPDX-License-Identifier: MIT
// The host file (host.yaml).
#include "partition/policy.h"
#include "profiles/keys.h"

namespace kvmrt::profiles {
namespace {

using partition::HostPolicy;
using partition::KthreadPriorities;
using partition::Power;
using partition::Service;

template <auto member>
Field kthread(std::string_view name, std::string_view fallback, std::string_view help) {
  return value<&HostPolicy::kthread_priorities, member>({.name = name,
                                                         .type = Type::integer,
                                                         .fallback = fallback,
                                                         .allowed = "0..99",
                                                         .help = help});
}

Table rule_keys() {
  return {
      value<&HostPolicy::housekeeping>({.name = "housekeeping",
                                        .type = Type::id_set,
                                        .fallback = "none",
                                        .word = "none",
                                        .help = "CPUs that no RT VM may own."}),
      value<&HostPolicy::irqs>({.name = "irqs",
                                .type = Type::map,
                                .fallback = "{}",
                                .allowed = "NAME or NUMBER: ID-set",
                                .help = "Where interrupts go while any RT VM runs."}),
      value<&HostPolicy::siblings>({.name = "siblings",
                                    .type = Type::choice,
                                    .fallback = "at-start",
                                    .allowed = "at-start|at-boot|leave",
                                    .help = "When SMT siblings of RT CPUs go offline."}),
      value<&HostPolicy::disturb>({.name = "disturb",
                                   .type = Type::choice,
                                   .fallback = "warn",
                                   .allowed = "warn|refuse",
                                   .help = "Host changes that disturb another running RT guest."}),
      value<&HostPolicy::throttling>({.name = "throttling",
                                      .type = Type::choice,
                                      .fallback = "keep",
                                      .allowed = "keep|off",
                                      .help = "RT throttling, or the fair server of owned CPUs."}),
  };
}

Table priority_keys() {
  return {
      section({.name = "kthread_priorities",
               .help = "Priorities of kernel threads of owned CPUs; 0: leave alone."}),
      kthread<&KthreadPriorities::rcuc>("kthread_priorities.rcuc", "4", "RCU callbacks."),
      kthread<&KthreadPriorities::ktimers>("kthread_priorities.ktimers", "3", "Timers."),
      kthread<&KthreadPriorities::ksoftirqd>("kthread_priorities.ksoftirqd", "2",
                                             "Software interrupts."),
      kthread<&KthreadPriorities::kworker>("kthread_priorities.kworker", "2",
                                           "Workqueues (KVM-RT's workqueue.pri)."),
      section({.name = "power", .help = "Power management of owned CPUs."}),
      value<&HostPolicy::power, &Power::governor>({.name = "power.governor",
                                                   .fallback = "performance",
                                                   .help = "Frequency governor; empty: keep."}),
      value<&HostPolicy::power, &Power::latency_us>({.name = "power.latency_us",
                                                     .type = Type::integer,
                                                     .fallback = "2",
                                                     .allowed = "0..1000000",
                                                     .word = "keep",
                                                     .help = "Longest wake-up from idle states."}),
      list_of<&HostPolicy::services>(
          {.name = "services",
           .fallback = "[]",
           .help = "Poll-mode switches beside the VMs; their CPUs are owned."}),
      item<&HostPolicy::services, &Service::unit>(
          {.name = "services[].unit",
           .required = true,
           .help = "The systemd unit, or the path of a pid file."}),
      item<&HostPolicy::services, &Service::cpus>(
          {.name = "services[].cpus", .type = Type::id_set, .required = true, .help = "Its CPUs."}),
      item<&HostPolicy::services, &Service::priority>(
          {.name = "services[].priority",
           .type = Type::integer,
           .fallback = "0",
           .allowed = "0..99",
           .help = "SCHED_FIFO priority of its threads; 0: leave alone."}),
      value<&HostPolicy::on_conflict>(
          {.name = "on_conflict",
           .type = Type::map,
           .fallback = "{irqbalance: configure, libvirtd: warn, stalld: warn, tuned: refuse}",
           .allowed = "PROGRAM: configure, refuse or warn",
           .help = "Programs that work against the partition."}),
  };
}

}  // namespace

const Table& host_keys() {
  static const Table table = [] {
    Table all = rule_keys();
    const Table more = priority_keys();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return table;
}

}  // namespace kvmrt::profiles
