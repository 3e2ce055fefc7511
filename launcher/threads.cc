// SPDX-License-Identifier: MIT
#include "launcher/threads.h"

#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <memory>
#include <sched.h>
#include <string_view>

#include "base/file.h"
#include "launcher/process.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr int kSchedExt = 7;                     // linux/sched.h, since 6.12
constexpr unsigned kKernelThread = 0x00200000;   // PF_KTHREAD
constexpr unsigned kNoSetAffinity = 0x04000000;  // PF_NO_SETAFFINITY
constexpr int kResetOnFork = 0x40000000;         // SCHED_RESET_ON_FORK
constexpr Pid kKthreadd(2);

template <class Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<int> numbers_in(const fs::path& folder) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  if (!open) return numbers;
  while (const dirent* entry = ::readdir(open.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name(entry->d_name);
    if (name.front() >= '1' && name.front() <= '9') numbers.push_back(number_of<int>(name));
  }
  std::ranges::sort(numbers);
  return numbers;
}

/// /proc/PID/stat counted from the state (field 3), which follows the name's last ')'.
struct StatFields {
  std::string_view comm;
  std::vector<std::string_view> after;
  [[nodiscard]] std::string_view field(std::size_t number) const { return after[number - 3]; }
};

std::optional<StatFields> parse_stat(std::string_view text) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  StatFields fields{text.substr(open + 1, close - open - 1), fields_of(text.substr(close + 1))};
  constexpr std::size_t kUpToPolicy = 41 - 3 + 1;
  if (fields.after.size() < kUpToPolicy) return std::nullopt;
  return fields;
}

void take_stat(ThreadFacts& facts, const StatFields& stat) {
  const auto flags = number_of<unsigned>(stat.field(9));
  facts.comm = stat.comm;
  facts.state = stat.field(3).front();
  facts.start_time = number_of<std::uint64_t>(stat.field(22));
  facts.last_cpu = CpuId(number_of<int>(stat.field(39)));
  facts.priority = number_of<int>(stat.field(40));
  facts.policy = number_of<int>(stat.field(41));
  facts.kernel_thread = (flags & kKernelThread) != 0;
  facts.fixed_affinity = (flags & kNoSetAffinity) != 0;
}

void take_status(ThreadFacts& facts, std::string_view text) {
  for (const auto line : lines_of(text)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (key == "Cpus_allowed_list")
      facts.cpus = partition::CpuSet::from_list(value).value_or(partition::CpuSet());
    else if (key == "voluntary_ctxt_switches")
      facts.voluntary_switches = number_of<std::uint64_t>(value);
    else if (key == "nonvoluntary_ctxt_switches")
      facts.involuntary_switches = number_of<std::uint64_t>(value);
  }
}

/// "exec_ns run_delay_ns slices"; absent without CONFIG_SCHED_INFO.
void take_schedstat(ThreadFacts& facts, const std::optional<std::string>& text) {
  if (!text) return;
  const auto fields = fields_of(*text);
  if (fields.size() < 3) return;
  facts.run_time = std::chrono::nanoseconds(number_of<std::int64_t>(fields[0]));
  facts.run_delay = std::chrono::nanoseconds(number_of<std::int64_t>(fields[1]));
  facts.slices = number_of<std::uint64_t>(fields[2]);
}

/// Nothing when the thread ended before or while it was read.
std::optional<ThreadFacts> read_thread(Tid tid, const fs::path& folder, bool live) {
  const auto stat_text = read_file_if_any(folder / "stat");
  const auto status_text = read_file_if_any(folder / "status");
  if (!stat_text || !status_text) return std::nullopt;
  const auto stat = parse_stat(*stat_text);
  if (!stat) return std::nullopt;
  ThreadFacts facts;
  facts.tid = tid;
  take_stat(facts, *stat);
  if (facts.state == 'Z' || facts.state == 'X') return std::nullopt;
  take_status(facts, *status_text);
  take_schedstat(facts, read_file_if_any(folder / "schedstat"));
  if (live) {  // /proc does not tell the flag
    const int policy = ::sched_getscheduler(tid.value());
    if (policy >= 0) facts.reset_on_fork = (policy & kResetOnFork) != 0;
  }
  return facts;
}

/// The children of kthreadd, the youngest first; all processes where the kernel lists no children.
struct Candidates {
  std::vector<int> pids;
  bool by_age = false;
};

Candidates kernel_thread_candidates(const fs::path& proc) {
  const std::string id = to_string(kKthreadd);
  const auto text = read_file_if_any(proc / id / "task" / id / "children");
  if (!text) return {numbers_in(proc), false};
  Candidates candidates{{}, true};
  for (const auto field : fields_of(*text)) candidates.pids.push_back(number_of<int>(field));
  std::ranges::reverse(candidates.pids);
  return candidates;
}

/// "kvm-pit/812", "vhost-812", "vhost-812-1", "kvm-nx-lpage-recovery-812".
bool serves(std::string_view comm, Pid pid) {
  for (const std::string_view prefix : {"kvm-pit/", "vhost-", "kvm-nx-lpage-recovery-"}) {
    if (!comm.starts_with(prefix)) continue;
    const auto rest = comm.substr(prefix.size());
    return rest.substr(0, rest.find('-')) == to_string(pid);
  }
  return false;
}

}  // namespace

std::string policy_name(int policy) {
  switch (policy) {
    case SCHED_OTHER:
      return "other";
    case SCHED_FIFO:
      return "fifo";
    case SCHED_RR:
      return "rr";
    case SCHED_BATCH:
      return "batch";
    case SCHED_IDLE:
      return "idle";
    case SCHED_DEADLINE:
      return "deadline";
    case kSchedExt:
      return "ext";
    default:
      return std::to_string(policy);
  }
}

int policy_number(partition::Policy policy) {
  switch (policy) {
    case partition::Policy::fifo:
      return SCHED_FIFO;
    case partition::Policy::rr:
      return SCHED_RR;
    case partition::Policy::other:
      break;
  }
  return SCHED_OTHER;
}

std::vector<ThreadFacts> list_threads(Pid pid, const fs::path& root) {
  const fs::path tasks = root / "proc" / to_string(pid) / "task";
  std::vector<ThreadFacts> threads;
  for (const int tid : numbers_in(tasks))
    if (auto facts = read_thread(Tid(tid), tasks / std::to_string(tid), root == "/"))
      threads.push_back(std::move(*facts));
  return threads;
}

std::vector<ThreadFacts> list_kernel_helpers(Pid pid, const fs::path& root) {
  const fs::path proc = root / "proc";
  const auto served = identify(pid, root);
  const Candidates candidates = kernel_thread_candidates(proc);
  std::vector<ThreadFacts> helpers;
  for (const int candidate : candidates.pids) {
    const fs::path folder = proc / std::to_string(candidate);
    const auto text = read_file_if_any(folder / "stat");
    const auto stat = text ? parse_stat(*text) : std::nullopt;
    if (!stat) continue;
    // A helper is younger than whom it serves; a large host has a thousand kernel threads.
    const auto born = number_of<std::uint64_t>(stat->field(22));
    if (candidates.by_age && served && born < served->start_time) break;
    if (!serves(stat->comm, pid)) continue;
    auto facts = read_thread(Tid(candidate), folder, root == "/");
    if (facts && facts->kernel_thread) helpers.push_back(std::move(*facts));  // else an impostor
  }
  return helpers;
}

AllThreads list_all(Pid qemu, const fs::path& root) {
  return {list_threads(qemu, root), list_kernel_helpers(qemu, root)};
}

std::vector<ThreadFacts> AllThreads::together() const {
  auto threads = own;
  threads.insert(threads.end(), helpers.begin(), helpers.end());
  return threads;
}

}  // namespace kvmrt::launcher
