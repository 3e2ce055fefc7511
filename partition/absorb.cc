// SPDX-License-Identifier: MIT
#include "partition/absorb.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "partition/links.h"
#include "partition/resctrl.h"
#include "partition/tasks.h"

namespace kvmrt::partition {
namespace {

std::uint64_t count_of(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// An offline CPU has no cpufreq folder; its knobs come back with it.
bool may_come_back(const std::string& knob) {
  return knob.starts_with("/sys/devices/system/cpu/") || knob.starts_with("/sys/kernel/debug/");
}

Problem edited(const std::string& knob, const std::string& value) {
  return {
      Severity::warning,
      "knob-edited",
      "",
      "",
      fmt::format("{} was set to {} from outside; that is its original from now on", knob, value),
      "",
      {}};
}

Problem lost(const std::string& knob) {
  return {Severity::warning,
          "link-lost",
          "",
          "",
          fmt::format("{} was removed from outside: the guest's card has no connection until the "
                      "VM's next start",
                      knob),
          "",
          {}};
}

/// It is ours altogether, so there is no original for it to become.
Problem drifted_link(const std::string& knob, const std::string& value) {
  return {Severity::warning,
          "link-edited",
          "",
          "",
          fmt::format("{} became \"{}\" from outside", knob, value),
          "",
          {}};
}

/// A value from outside takes the original's place, but for counts that others add to.
void take_over(const std::string& knob, const std::string& value, KnobRecord& record) {
  if (knob.ends_with("/nr_hugepages")) {
    const auto ours = count_of(record.written) - count_of(record.original);
    const auto now = count_of(value);
    record.original = std::to_string(now > ours ? now - ours : 0);
  } else if (!same_value(knob, value, record.original)) {
    record.original = value;
  }
  record.written = value;
}

Problems absorb_knobs(const HostState& state, Ledger& ledger) {
  Problems problems;
  for (auto at = ledger.knobs.begin(); at != ledger.knobs.end();) {
    const auto& knob = at->first;
    const auto current = state.knobs.find(knob);
    const bool present = current != state.knobs.end();
    if (!present && is_link_knob(knob) && !ledger.pending && !at->second.written.empty()) {
      problems.push_back(lost(knob));
      at = ledger.knobs.erase(at);
      continue;
    }
    if (!present && !is_partition_knob(knob) && !is_cache_class_knob(knob) && !is_link_knob(knob) &&
        !may_come_back(knob)) {
      at = ledger.knobs.erase(at);
      continue;
    }
    const std::string value = present ? current->second : "";
    const bool ours = ledger.pending || same_value(knob, value, at->second.written);
    if (!ours && is_partition_knob(knob)) {
      problems.push_back({Severity::warning,
                          "partition-lost",
                          "",
                          "",
                          fmt::format("{} reads \"{}\"", knob, value),
                          "",
                          {}});
    } else if (!ours && is_link_knob(knob)) {
      problems.push_back(drifted_link(knob, value));
    } else if (!ours && present) {
      problems.push_back(edited(knob, value));
      take_over(knob, value, at->second);
    }
    ++at;
  }
  return problems;
}

Problem edited(const Task& task) {
  return {Severity::warning,
          "task-policy-edited",
          "",
          "",
          fmt::format("{} ({}) was set to {} from outside; that is its original from now on",
                      task.comm, to_string(task.tid), to_text(task.scheduling)),
          "",
          {}};
}

void absorb_policies(const HostState& state, Ledger& ledger, Problems& problems) {
  if (ledger.pending) return;
  for (const Task& task : state.tasks) {
    const auto at = ledger.policies.find(task.tid.value());
    if (at == ledger.policies.end() || at->second.start_time != task.start_time) continue;
    PolicyRecord& record = at->second;
    // As it was: a kworker that was born while we looked, or set back.
    if (task.scheduling == record.written || task.scheduling == record.original) continue;
    record.original = record.written = task.scheduling;
    problems.push_back(edited(task));
  }
}

std::uint64_t pages_of(Bytes memory, Bytes size) {
  return (memory.count() + size.count() - 1) / size.count();
}

/// Node → pages the VM needs there.
std::map<NodeId, std::uint64_t> demand_of(const Lease& lease) {
  std::map<NodeId, std::uint64_t> demand;
  const VmRequest& request = lease.request;
  const Bytes size = *request.hugepages;
  const NodeId first = lease.plan.numa_nodes.lowest().value_or(NodeId(0));
  if (request.guest_nodes.empty()) {
    demand[first] = pages_of(request.memory, size);
    return demand;
  }
  for (const auto& node : request.guest_nodes)
    demand[node.host_nodes.lowest().value_or(first)] += pages_of(node.memory, size);
  return demand;
}

/// Pages that leases before this one hold and whose guests have not touched them yet: they still
/// count as free.
std::uint64_t promised(const Ledger& ledger, const Lease& lease, const NodeSet& nodes) {
  std::uint64_t pages = 0;
  for (const Lease& other : ledger.leases) {
    if (other.vm == lease.vm) break;
    if (other.started || other.request.hugepages != lease.request.hugepages) continue;
    for (const auto& [node, need] : demand_of(other)) pages += nodes.has(node) ? need : 0;
  }
  return pages;
}

}  // namespace

Problems absorb(const HostState& state, Ledger& ledger) {
  Problems problems = absorb_knobs(state, ledger);
  // With a partition that went, the kernel gave every task all CPUs: nobody's edit.
  const bool lost = std::any_of(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.code == "partition-lost";
  });
  const bool pending = std::exchange(ledger.pending, ledger.pending || lost);
  auto more = absorb_tasks(state, divide(state, ledger), ledger);
  ledger.pending = pending;
  absorb_policies(state, ledger, more);
  problems.insert(problems.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  return problems;
}

void reserve_pages(const HostState& state, const Lease& lease, Ledger& ledger) {
  if (!lease.request.hugepages || ledger.pages.contains(lease.vm)) return;
  for (auto [node, need] : demand_of(lease)) {
    // What other nodes of an unbound VM have free counts too.
    NodeSet nodes = lease.request.guest_nodes.empty() ? lease.plan.numa_nodes : NodeSet{};
    nodes.insert(node);
    std::uint64_t free = 0;
    for (const NodeId from : nodes.members()) {
      const auto at = state.free_pages.find(pages_knob(from, *lease.request.hugepages));
      if (at != state.free_pages.end()) free += at->second;
    }
    free -= std::min(free, promised(ledger, lease, nodes));
    if (need > free)
      ledger.pages[lease.vm][pages_knob(node, *lease.request.hugepages)] = need - free;
  }
}

void record(const HostState& state, const Desired& wanted, Ledger& ledger) {
  for (const auto& [knob, wish] : wanted.knobs) {
    if (in_place(state, knob, wish.value) && !wish.keep && !ledger.knobs.contains(knob)) continue;
    const auto current = state.knobs.find(knob);
    const std::string before = current == state.knobs.end() ? "" : current->second;
    ledger.knobs.try_emplace(knob, KnobRecord{before, before}).first->second.written = wish.value;
  }
  for (const WantedMask& wish : wanted.masks) {
    const auto at = ledger.masks.find(state.tasks[wish.task].tid.value());
    if (at != ledger.masks.end()) at->second.written = wish.cpus;
  }
  for (const WantedPolicy& wish : wanted.policies) {
    const Task& task = state.tasks[wish.task];
    if (task.scheduling == wish.scheduling && !ledger.policies.contains(task.tid.value())) continue;
    auto& record = ledger.policies
                       .try_emplace(task.tid.value(),
                                    PolicyRecord{task.start_time, task.scheduling, task.scheduling})
                       .first->second;
    record.written = wish.scheduling;
  }
}

}  // namespace kvmrt::partition
