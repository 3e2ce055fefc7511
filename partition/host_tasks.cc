// SPDX-License-Identifier: MIT
#include "partition/host_tasks.h"

#include <charconv>
#include <dirent.h>
#include <sched.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKernelThread = 0x00200000;   // PF_KTHREAD, include/linux/sched.h
constexpr std::uint64_t kNoSetAffinity = 0x04000000;  // PF_NO_SETAFFINITY

// Indices into the fields behind the command's closing parenthesis; proc(5) counts from 3 there.
enum StatField {
  kParent = 1,
  kFlags = 6,
  kThreads = 17,
  kStart = 19,
  kPriority = 37,
  kPolicy = 38
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set_policy(Task& task, std::uint64_t policy, std::uint64_t priority) {
  constexpr std::uint64_t kResetOnFork = 0x40000000;
  policy &= ~kResetOnFork;
  task.known_policy = policy <= SCHED_RR;
  if (policy == SCHED_FIFO) task.scheduling.policy = Policy::fifo;
  if (policy == SCHED_RR) task.scheduling.policy = Policy::rr;
  if (policy == SCHED_FIFO || policy == SCHED_RR)
    task.scheduling.priority = static_cast<int>(priority);
}

std::optional<std::string> read_quietly(const fs::path& path) {
  try {
    return read_file_if_any(path);
  } catch (const SystemError&) {
    return std::nullopt;
  }
}

std::vector<int> numbers_in(const fs::path& folder) {
  std::vector<int> found;
  DIR* open = ::opendir(folder.c_str());
  if (open == nullptr) return found;
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    int id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error == std::errc{} && end == name.data() + name.size()) found.push_back(id);
  }
  ::closedir(open);
  return found;
}

std::optional<CpuSet> mask_by_call(int tid) {
  constexpr std::size_t kBytes = (BitSet::kMaxId + 1) / 8;
  std::vector<unsigned long> words(kBytes / sizeof(unsigned long), 0);
  if (::sched_getaffinity(tid, kBytes, reinterpret_cast<cpu_set_t*>(words.data())) != 0)
    return std::nullopt;
  CpuSet cpus;
  constexpr int kBits = 8 * sizeof(unsigned long);
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (int bit = 0; words[i] != 0 && bit < kBits; ++bit) {
      if ((words[i] >> static_cast<unsigned>(bit) & 1U) != 0)
        cpus.insert(CpuId(static_cast<int>(i) * kBits + bit));
    }
  }
  return cpus;
}

std::optional<CpuSet> mask_by_status(const fs::path& folder) {
  const auto status = read_quietly(folder / "status");
  if (!status) return std::nullopt;
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  for (const auto line : lines_of(*status)) {
    if (line.starts_with(kKey)) return CpuSet::from_list(line.substr(kKey.size()));
  }
  return std::nullopt;
}

/// The call leaves out offline CPUs of the mask (kernel/sched/core.c: sched_getaffinity).
bool call_is_exact(const fs::path& proc) {
  const fs::path cpus = proc.parent_path() / "sys/devices/system/cpu";
  const auto online = read_quietly(cpus / "online");
  return online && online == read_quietly(cpus / "possible");
}

struct Reader {
  fs::path proc;
  bool by_call = false;

  std::optional<Task> one(const fs::path& folder, int& threads) const {
    const auto stat = read_quietly(folder / "stat");
    if (!stat) return std::nullopt;
    auto task = task_of_stat(*stat, threads);
    if (!task) return std::nullopt;
    auto cpus = by_call ? mask_by_call(task->tid.value()) : mask_by_status(folder);
    if (!cpus) return std::nullopt;
    task->cpus = std::move(*cpus);
    return task;
  }
};

void add_threads(const Reader& reader, const fs::path& process, const Task& leader,
                 std::vector<Task>& all) {
  int ignored = 0;
  for (const int tid : numbers_in(process / "task")) {
    if (tid == leader.tid.value()) continue;
    auto task = reader.one(process / "task" / std::to_string(tid), ignored);
    if (!task) continue;
    task->process = leader.process;
    all.push_back(std::move(*task));
  }
}

}  // namespace

std::optional<Task> task_of_stat(std::string_view stat, int& threads) {
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  const auto fields = fields_of(stat.substr(close + 1));
  if (fields.size() <= kPolicy) return std::nullopt;
  Task task;
  task.tid = Tid(static_cast<int>(number(trimmed(stat.substr(0, open)))));
  task.process = Pid(task.tid.value());
  task.comm = stat.substr(open + 1, close - open - 1);
  task.parent = Pid(static_cast<int>(number(fields[kParent])));
  const auto flags = number(fields[kFlags]);
  task.kernel = (flags & kKernelThread) != 0;
  task.movable = (flags & kNoSetAffinity) == 0;
  task.start_time = number(fields[kStart]);
  set_policy(task, number(fields[kPolicy]), number(fields[kPriority]));
  threads = static_cast<int>(number(fields[kThreads]));
  return task;
}

std::vector<Task> read_tasks(const fs::path& proc, bool live) {
  const Reader reader{proc, live && call_is_exact(proc)};
  std::vector<Task> all;
  for (const int pid : numbers_in(proc)) {
    const fs::path folder = proc / std::to_string(pid);
    int threads = 1;
    auto leader = reader.one(folder, threads);
    if (!leader) continue;
    all.push_back(*leader);
    if (threads > 1) add_threads(reader, folder, *leader, all);
  }
  return all;
}

std::optional<Task> read_task(const fs::path& proc, Tid tid) {
  int ignored = 0;
  // By the thread's own folder: /proc/TID exists for every thread, though it is not listed.
  return Reader{proc, false}.one(proc / to_string(tid) / "task" / to_string(tid), ignored);
}

}  // namespace kvmrt::partition
