// SPDX-License-Identifier: MIT
#include "launcher/noise/noise.h"

#include <algorithm>
#include <tuple>

namespace kvmrt::launcher::noise {
namespace {

/// A counter that went back is another one of the same name.
std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

nanoseconds grown(nanoseconds before, nanoseconds after) {
  return after > before ? after - before : nanoseconds(0);
}

std::map<std::string, std::uint64_t> grown(const std::map<std::string, std::uint64_t>& before,
                                           const std::map<std::string, std::uint64_t>& after) {
  std::map<std::string, std::uint64_t> more;
  for (const auto& [name, count] : after) {
    const auto found = before.find(name);
    more[name] = grown(found == before.end() ? 0 : found->second, count);
  }
  return more;
}

Verdict judge(const VcpuNoise& vcpu, bool longest_known, nanoseconds budget) {
  if (budget.count() <= 0) return Verdict::no_budget;
  if (vcpu.longest_wait.value_or(vcpu.mean_wait()) > budget) return Verdict::over;
  return longest_known ? Verdict::within : Verdict::unknown;
}

VcpuNoise vcpu_noise(const VcpuCounters& before, const VcpuCounters& after, nanoseconds budget) {
  VcpuNoise made;
  made.index = after.index;
  made.cpus = after.cpus;
  made.run_time = grown(before.run_time, after.run_time);
  made.run_delay = grown(before.run_delay, after.run_delay);
  made.slices = grown(before.slices, after.slices);
  made.involuntary_switches = grown(before.involuntary_switches, after.involuntary_switches);
  made.major_faults = grown(before.major_faults, after.major_faults);
  if (after.longest_wait > before.longest_wait) made.longest_wait = after.longest_wait;
  made.exits = grown(before.exits, after.exits);
  made.verdict = judge(made, after.longest_wait.has_value(), budget);
  return made;
}

/// A vCPU that `before` does not have began since: all its counters are of this period.
VcpuCounters matching(const Counters& before, const VcpuCounters& vcpu) {
  for (const VcpuCounters& one : before.vcpus) {
    if (one.tid == vcpu.tid && one.index == vcpu.index) return one;
  }
  return {};
}

const TaskCounters* find(const Counters& counters, const TaskCounters& task) {
  const auto found = std::ranges::find_if(counters.tasks, [&](const TaskCounters& one) {
    return one.tid == task.tid && one.start_time == task.start_time;
  });
  return found == counters.tasks.end() ? nullptr : &*found;
}

Disturber task_disturber(const Counters& before, const TaskCounters& task, nanoseconds period) {
  Disturber made{Source::task, task.cpus, task.name, task.tid, task.kernel, {}, task.elsewhere, 0};
  if (task.cpus.has(task.last_cpu) && task.elsewhere) made.cpus = {task.last_cpu.value()};
  if (const TaskCounters* was = find(before, task)) {
    made.time = grown(was->run_time, task.run_time);
    made.count = grown(was->slices, task.slices);
    return made;
  }
  made.time = std::min(task.run_time, period);
  made.count = task.slices;
  // It came here meanwhile, and may have run elsewhere before; the kernel's own threads for a CPU
  // are born there.
  made.at_most = made.at_most || !task.kernel || task.start_time < before.at_ticks;
  return made;
}

/// A task that may run elsewhere and was not seen here last is not accused.
bool was_here(const TaskCounters& task) { return !task.elsewhere || task.cpus.has(task.last_cpu); }

std::vector<Disturber> tasks_between(const Counters& before, const Counters& after,
                                     nanoseconds period) {
  std::vector<Disturber> found;
  for (const TaskCounters& task : after.tasks) {
    if (!was_here(task)) continue;
    Disturber made = task_disturber(before, task, period);
    if (made.time.count() > 0) found.push_back(std::move(made));
  }
  return found;
}

void add_counts(std::vector<Disturber>& found, Source source, CpuId cpu,
                const std::map<std::string, std::uint64_t>& counts) {
  for (const auto& [name, count] : counts) {
    if (count == 0) continue;
    Disturber made;
    made.source = source;
    made.cpus = {cpu.value()};
    made.name = name;
    made.count = count;
    found.push_back(std::move(made));
  }
}

bool more_disturbing(const Disturber& a, const Disturber& b) {
  const auto rank = [](const Disturber& one) {
    // Of an interrupt the kernel tells no time; softirqs mostly follow from interrupts.
    return std::tuple(one.source == Source::task      ? 0
                      : one.source == Source::softirq ? 2
                                                      : 1,
                      -one.time.count());
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return a.count > b.count;
}

bool same(const Disturber& a, const Disturber& b) {
  return a.source == b.source && a.tid == b.tid && a.name == b.name;
}

bool has(const Counters& counters, const Disturber& one) {
  return std::ranges::any_of(counters.tasks, [&](const TaskCounters& task) {
    return task.tid == one.tid && task.name == one.name;
  });
}

void add(std::vector<Disturber>& sum, const std::vector<Disturber>& more) {
  for (const Disturber& one : more) {
    const auto found =
        std::ranges::find_if(sum, [&](const Disturber& other) { return same(one, other); });
    if (found == sum.end()) {
      sum.push_back(one);
      continue;
    }
    found->time += one.time;
    found->count += one.count;
    found->at_most = found->at_most || one.at_most;
    found->cpus |= one.cpus;
  }
}

/// Tasks that came to the watched CPUs since the baseline, and what they ran from `before` on.
std::vector<Disturber> newcomers(const Counters& baseline, const Counters& before,
                                 const Counters& after) {
  auto found = tasks_between(before, after, grown(before.at, after.at));
  std::erase_if(found, [&](const Disturber& one) { return has(baseline, one); });
  return found;
}

/// Tasks of the baseline that were there at the last look and are not any more.
std::vector<Disturber> departed(const Ledger& ledger, const Counters& now) {
  const Counters& last = ledger.last;
  auto found = tasks_between(ledger.baseline, last, grown(ledger.baseline.at, last.at));
  std::erase_if(found,
                [&](const Disturber& one) { return !has(ledger.baseline, one) || has(now, one); });
  return found;
}

}  // namespace

nanoseconds VcpuNoise::mean_wait() const {
  return slices == 0 ? nanoseconds(0) : run_delay / static_cast<std::int64_t>(slices);
}

const Disturber* Noise::culprit() const {
  if (disturbers.empty() || disturbers.front().source != Source::task) return nullptr;
  return &disturbers.front();
}

Noise noise_between(const Counters& before, const Counters& after, nanoseconds budget) {
  Noise noise;
  noise.period = grown(before.at, after.at);
  for (const VcpuCounters& vcpu : after.vcpus)
    noise.vcpus.push_back(vcpu_noise(matching(before, vcpu), vcpu, budget));
  noise.disturbers = tasks_between(before, after, noise.period);
  for (const auto& [cpu, counted] : after.cpus) {
    noise.watched.insert(cpu);
    const auto was = before.cpus.find(cpu);
    const CpuCounters old = was == before.cpus.end() ? CpuCounters() : was->second;
    add_counts(noise.disturbers, Source::interrupt, cpu, grown(old.interrupts, counted.interrupts));
    add_counts(noise.disturbers, Source::softirq, cpu, grown(old.softirqs, counted.softirqs));
    if (!old.smis || !counted.smis) continue;
    noise.smis_known = true;
    add_counts(noise.disturbers, Source::smi, cpu, {{"SMI", grown(*old.smis, *counted.smis)}});
  }
  std::ranges::stable_sort(noise.disturbers, more_disturbing);
  return noise;
}

Ledger advanced(Ledger ledger, Counters now) {
  add(ledger.past, newcomers(ledger.baseline, ledger.last, now));
  add(ledger.past, departed(ledger, now));
  ledger.last = std::move(now);
  return ledger;
}

Noise noise_since_start(const Ledger& ledger, const Counters& now) {
  Noise noise = noise_between(ledger.baseline, now, ledger.budget);
  std::erase_if(noise.disturbers, [&](const Disturber& one) {
    return one.source == Source::task && !has(ledger.baseline, one);
  });
  std::vector<Disturber> others = ledger.past;
  add(others, newcomers(ledger.baseline, ledger.last, now));
  for (Disturber& one : others) {
    // A task of the baseline that left and came back is counted from the baseline.
    if (!std::ranges::any_of(noise.disturbers, [&](const Disturber& o) { return same(o, one); }))
      noise.disturbers.push_back(std::move(one));
  }
  std::ranges::stable_sort(noise.disturbers, more_disturbing);
  return noise;
}

}  // namespace kvmrt::launcher::noise
