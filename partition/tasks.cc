// SPDX-License-Identifier: MIT
#include "partition/tasks.h"

#include <algorithm>
#include <fmt/format.h>

#include "partition/services.h"

namespace kvmrt::partition {
namespace {

/// Processes by id; threads other than the first are found through their process.
class Family {
 public:
  explicit Family(const HostState& state) {
    leaders_.reserve(state.tasks.size());
    for (const Task& task : state.tasks) {
      if (task.tid.value() != task.process.value()) continue;
      leaders_[task.tid.value()] = &task;
      children_[task.parent.value()].push_back(task.tid.value());
    }
  }

  [[nodiscard]] const std::vector<int>& children(Pid pid) const {
    static const std::vector<int> kNone;
    const auto at = children_.find(pid.value());
    return at == children_.end() ? kNone : at->second;
  }

  [[nodiscard]] const Task* process(Pid pid) const {
    const auto at = leaders_.find(pid.value());
    return at == leaders_.end() ? nullptr : at->second;
  }

  /// The process, its parent, and so on up to init or kthreadd.
  template <class Visit>
  void up_from(Pid pid, Visit visit) const {
    constexpr int kDeepest = 1000;  // a cycle would be a torn reading of /proc
    const Task* at = process(pid);
    for (int depth = 0; at != nullptr && depth < kDeepest; ++depth) {
      if (visit(*at)) return;
      at = process(at->parent);
    }
  }

 private:
  std::unordered_map<int, const Task*> leaders_;
  std::unordered_map<int, std::vector<int>> children_;
};

/// "vhost-1234", "kvm-pit/1234", "kvm-nx-lpage-recovery-1234".
bool helps(const Task& task, Pid qemu) {
  if (!task.kernel) return false;
  const bool family = task.comm.starts_with("vhost-") || task.comm.starts_with("kvm-");
  const std::string id = to_string(qemu);
  if (!family || !task.comm.ends_with(id) || task.comm.size() <= id.size()) return false;
  const char before = task.comm[task.comm.size() - id.size() - 1];
  return before == '-' || before == '/';
}

/// Processes below that one, itself included; none when the number has another owner now.
std::unordered_set<int> below(const Family& family, const ProcessId& top) {
  std::unordered_set<int> found;
  const Task* first = family.process(top.pid);
  if (first == nullptr || first->start_time != top.start_time) return found;
  std::vector<int> open{top.pid.value()};
  while (!open.empty()) {
    const int pid = open.back();
    open.pop_back();
    if (!found.insert(pid).second) continue;
    const auto& children = family.children(Pid(pid));
    open.insert(open.end(), children.begin(), children.end());
  }
  return found;
}

void add_tasks_of(const Lease& lease, const HostState& state, const Family& family,
                  std::unordered_set<int>& all) {
  const auto qemu = lease.qemu ? below(family, *lease.qemu) : std::unordered_set<int>{};
  auto spawned = below(family, lease.supervisor);
  spawned.erase(lease.supervisor.pid.value());  // the supervisor itself is the host's
  for (const Task& task : state.tasks) {
    const bool helper = lease.qemu && helps(task, lease.qemu->pid);
    const bool guest = qemu.contains(task.process.value());
    // Spawned by the supervisor and confined to the VM's CPUs: QEMU before it is marked.
    const bool unmarked =
        spawned.contains(task.process.value()) && task.cpus.subset_of(lease.plan.owned_cpus);
    if (helper || guest || unmarked) all.insert(task.tid.value());
  }
}

/// Interrupt threads follow their interrupt by themselves; the kernel resets their masks.
bool follows_interrupt(const Task& task) { return task.kernel && task.comm.starts_with("irq/"); }

bool recorded(const Ledger& ledger, const Task& task) {
  const auto at = ledger.masks.find(task.tid.value());
  return at != ledger.masks.end() && at->second.start_time == task.start_time;
}

CpuSet present(const HostState& state, const CpuSet& cpus) { return cpus & state.online; }

class Absorber {
 public:
  Absorber(const HostState& state, const Division& division, Ledger& ledger)
      : state_(state), division_(division), ledger_(ledger), family_(state) {}

  Problems run() {
    forget_dead();
    const auto vms = tasks_of_vms(state_, ledger_.leases);
    collect_written();
    std::vector<const Task*> newborn;
    const Services services(state_, ledger_);
    for (const Task& task : state_.tasks) {
      if (!task.movable || vms.contains(task.tid.value())) continue;
      if (services.binds_itself(task)) {
        ledger_.masks.erase(task.tid.value());
        continue;
      }
      if (recorded(ledger_, task))
        judge(task);
      else
        newborn.push_back(&task);
    }
    learn(newborn);
    return std::move(problems_);
  }

 private:
  void forget_dead() {
    std::unordered_map<int, std::uint64_t> living;
    living.reserve(state_.tasks.size());
    for (const Task& task : state_.tasks) living[task.tid.value()] = task.start_time;
    const auto gone = [&living](int tid, std::uint64_t start) {
      const auto at = living.find(tid);
      return at == living.end() || at->second != start;
    };
    std::erase_if(ledger_.masks,
                  [&gone](const auto& e) { return gone(e.first, e.second.start_time); });
    std::erase_if(ledger_.policies,
                  [&gone](const auto& e) { return gone(e.first, e.second.start_time); });
  }

  /// The distinct narrowed masks that we, or the kernel for us, gave out.
  void collect_written() {
    written_ = ledger_.outgoing;
    // What the kernel makes of any mask while cpusets change.
    if (ledger_.pending) {
      written_.push_back(state_.online);
      written_.push_back(state_.online - division_.taken);
    }
    for (const auto& entry : ledger_.masks) {
      const MaskRecord& record = entry.second;
      if (record.original == record.written) continue;
      if (!written_.empty() && written_.back() == record.written) continue;
      if (std::find(written_.begin(), written_.end(), record.written) == written_.end())
        written_.push_back(record.written);
    }
  }

  void judge(const Task& task) {
    MaskRecord& record = ledger_.masks[task.tid.value()];
    if (ledger_.pending || follows_interrupt(task)) return;
    if (present(state_, task.cpus) == present(state_, record.written)) return;
    // Of a task that we had left alone nothing is lost, unless it is in the way now.
    const bool narrowed = record.original != record.written;
    record.original = task.cpus;
    record.written = task.cpus;
    if (!narrowed && !task.cpus.intersects(division_.taken)) return;
    problems_.push_back({Severity::warning,
                         "task-mask-edited",
                         "",
                         "",
                         fmt::format("{} ({}) was put on CPUs {} from outside; that is its "
                                     "original from now on",
                                     task.comm, to_string(task.tid), task.cpus.list()),
                         "",
                         {}});
  }

  void learn(const std::vector<const Task*>& newborn) {
    std::vector<std::pair<const Task*, CpuSet>> originals;
    for (const Task* task : newborn) originals.emplace_back(task, original_of(*task));
    for (auto& [task, original] : originals)
      ledger_.masks[task->tid.value()] = {task->start_time, std::move(original), task->cpus};
  }

  CpuSet original_of(const Task& task) const {
    const bool ours = std::any_of(written_.begin(), written_.end(), [&](const CpuSet& mask) {
      return present(state_, mask) == present(state_, task.cpus);
    });
    if (!ours) return task.cpus;
    CpuSet original;
    family_.up_from(task.process, [&](const Task& ancestor) {
      if (&ancestor == &task || !recorded(ledger_, ancestor)) return false;
      original = ledger_.masks.at(ancestor.tid.value()).original;
      return true;
    });
    return original.empty() ? state_.online | division_.taken : original;
  }

  const HostState& state_;
  const Division& division_;
  Ledger& ledger_;
  Family family_;
  std::vector<CpuSet> written_;
  Problems problems_;
};

}  // namespace

std::unordered_set<int> tasks_of_vms(const HostState& state, const std::vector<Lease>& leases) {
  std::unordered_set<int> found;
  if (leases.empty()) return found;
  const Family family(state);
  for (const Lease& lease : leases) add_tasks_of(lease, state, family, found);
  return found;
}

Problems absorb_tasks(const HostState& state, const Division& division, Ledger& ledger) {
  return Absorber(state, division, ledger).run();
}

void want_masks(const HostState& state, const Ledger& ledger, const Division& division,
                Desired& wanted) {
  const auto vms = tasks_of_vms(state, ledger.leases);
  const Services services(state, ledger);
  wanted.masks.reserve(state.tasks.size());
  for (std::size_t i = 0; i < state.tasks.size(); ++i) {
    const Task& task = state.tasks[i];
    if (!task.movable || vms.contains(task.tid.value()) || services.binds_itself(task)) continue;
    const bool known = recorded(ledger, task);
    const CpuSet& original = known ? ledger.masks.at(task.tid.value()).original : task.cpus;
    if (division.rt && follows_interrupt(task) && !task.cpus.intersects(division.taken)) continue;
    const CpuSet* place = division.rt ? services.place_of(task) : nullptr;
    wanted.masks.push_back({i, place != nullptr ? *place : division.narrowed(original)});
  }
}

}  // namespace kvmrt::partition
