// SPDX-License-Identifier: MIT
#include "launcher/noise/read.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "launcher/noise/parse.h"
#include "launcher/threads.h"
#include "partition/host_tasks.h"

namespace kvmrt::launcher::noise {
namespace {

namespace fs = std::filesystem;
using partition::CpuSet;

template <class Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

nanoseconds since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

CpuSet planned_cpus(const VmState& vm, int index) {
  for (const partition::ThreadPlan& thread : vm.plan.threads) {
    if (thread.thread_class == partition::ThreadClass::vcpu && thread.index == index)
      return thread.cpus;
  }
  return {};
}

/// What users of kvm_stat look at first; KVM has some forty.
constexpr const char* kExits[] = {"exits",      "io_exits",         "irq_exits",       "halt_exits",
                                  "mmio_exits", "nmi_window_exits", "irq_window_exits"};

/// /sys/kernel/debug/kvm/PID-FD/vcpuN; empty where debugfs is not mounted.
std::map<std::string, std::uint64_t> read_exits(const VmState& vm, int index,
                                                const fs::path& root) {
  std::map<std::string, std::uint64_t> exits;
  const fs::path folder = root / "sys/kernel/debug/kvm";
  const std::string prefix = to_string(vm.qemu->pid) + "-";
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const fs::path vcpu = entry.path() / ("vcpu" + std::to_string(index));
    for (const char* name : kExits) {
      if (const auto text = read_file_if_any(vcpu / name))
        exits[name] = number_of<std::uint64_t>(trimmed(*text));
    }
  }
  return exits;
}

/// Without sched_schedstats=1 the file says 0, which is no answer.
bool keeps_longest_waits(const fs::path& root) {
  const auto text = read_file_if_any(root / "proc/sys/kernel/sched_schedstats");
  return text && trimmed(*text) == "1";
}

std::optional<nanoseconds> read_longest_wait(const VmState& vm, Tid tid, const fs::path& root) {
  const auto text =
      read_file_if_any(root / "proc" / to_string(vm.qemu->pid) / "task" / to_string(tid) / "sched");
  return text ? parse_longest_wait(*text) : std::nullopt;
}

std::optional<std::uint64_t> read_smis(CpuId cpu, const fs::path& root) {
  constexpr off_t kSmiCount = 0x34;  // MSR_SMI_COUNT, Intel SDM volume 4
  const fs::path path = root / "dev/cpu" / to_string(cpu) / "msr";
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::uint64_t count = 0;
  if (!fd || ::pread(fd.get(), &count, sizeof count, kSmiCount) != sizeof count)
    return std::nullopt;
  return count;
}

/// The fields of a task's stat from the third, the state, on: the name before may have anything in
/// it.
std::vector<std::string_view> stat_fields(std::string_view stat) {
  const auto close = stat.rfind(')');
  if (close == std::string_view::npos) return {};
  return fields_of(stat.substr(close + 1));
}

std::uint64_t read_major_faults(const VmState& vm, Tid tid, const fs::path& root) {
  const std::string stat =
      read_file_if_any(root / "proc" / to_string(vm.qemu->pid) / "task" / to_string(tid) / "stat")
          .value_or("");
  const auto fields = stat_fields(stat);
  constexpr std::size_t kMajorFaults = 12 - 3;
  return fields.size() > kMajorFaults ? number_of<std::uint64_t>(fields[kMajorFaults]) : 0;
}

/// Run time and slices of /proc/TID/schedstat, the last CPU of /proc/TID/stat.
bool read_task(TaskCounters& task, const fs::path& folder) {
  const auto schedstat = read_file_if_any(folder / "schedstat");
  const auto stat = read_file_if_any(folder / "stat");
  if (!schedstat || !stat) return false;
  const auto counted = fields_of(*schedstat);
  const auto after = stat_fields(*stat);
  constexpr std::size_t kProcessor = 39 - 3;
  if (counted.size() < 3 || after.size() <= kProcessor) return false;
  task.run_time = nanoseconds(number_of<std::int64_t>(counted[0]));
  task.slices = number_of<std::uint64_t>(counted[2]);
  task.last_cpu = CpuId(number_of<int>(after[kProcessor]));
  return true;
}

std::vector<TaskCounters> read_foreign_tasks(const VmState& vm, const CpuSet& watched,
                                             const fs::path& root) {
  std::vector<TaskCounters> found;
  if (watched.empty()) return found;
  for (const partition::Task& task : partition::read_tasks(root / "proc", root == "/")) {
    // QEMU's threads are placed and proven; that they keep to their places is the drift check's.
    if (task.process == vm.qemu->pid || !task.cpus.intersects(watched)) continue;
    TaskCounters counted;
    counted.tid = task.tid;
    counted.start_time = task.start_time;
    counted.name = task.comm;
    counted.kernel = task.kernel;
    counted.cpus = task.cpus & watched;
    counted.elsewhere = !task.cpus.subset_of(watched);
    if (read_task(counted, root / "proc" / to_string(task.process) / "task" / to_string(task.tid)))
      found.push_back(std::move(counted));
  }
  std::ranges::sort(found, {}, &TaskCounters::tid);
  return found;
}

std::vector<VcpuCounters> read_vcpus(const VmState& vm, const fs::path& root) {
  std::vector<VcpuCounters> vcpus;
  const bool longest = keeps_longest_waits(root);
  const auto threads = list_threads(vm.qemu->pid, root);
  for (const auto& [index, tid] : vm.reported.vcpus) {
    const auto found = std::ranges::find(threads, tid, &ThreadFacts::tid);
    if (found == threads.end()) continue;
    VcpuCounters vcpu{index,
                      tid,
                      planned_cpus(vm, index),
                      found->run_time,
                      found->run_delay,
                      found->slices,
                      found->involuntary_switches,
                      read_major_faults(vm, tid, root),
                      {},
                      {}};
    if (longest) vcpu.longest_wait = read_longest_wait(vm, tid, root);
    vcpu.exits = read_exits(vm, index, root);
    vcpus.push_back(std::move(vcpu));
  }
  std::ranges::sort(vcpus, {}, &VcpuCounters::index);
  return vcpus;
}

void read_cpus(Counters& counters, const CpuSet& watched, const fs::path& root) {
  auto interrupts =
      parse_interrupts(read_file_if_any(root / "proc/interrupts").value_or(""), watched);
  auto softirqs = parse_softirqs(read_file_if_any(root / "proc/softirqs").value_or(""), watched);
  for (const CpuId cpu : watched.members())
    counters.cpus[cpu] = {std::move(interrupts[cpu]), std::move(softirqs[cpu]),
                          read_smis(cpu, root)};
}

}  // namespace

CpuSet watched_cpus(const VmState& vm) { return vm.plan.usable_cpus(); }

Counters read_counters(const VmState& vm, Depth depth, const fs::path& root) {
  Counters counters;
  const CpuSet watched = watched_cpus(vm);
  counters.vcpus = read_vcpus(vm, root);
  counters.tasks = read_foreign_tasks(vm, watched, root);
  if (depth == Depth::all) read_cpus(counters, watched, root);
  counters.at = since_boot();
  counters.at_ticks = static_cast<std::uint64_t>(counters.at.count()) /
                      (1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
  return counters;
}

}  // namespace kvmrt::launcher::noise
