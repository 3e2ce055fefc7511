// SPDX-License-Identifier: MIT
#include "launcher/preflight_rights.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "base/file.h"
#include "partition/plan.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using partition::Policy;
using partition::Scheduling;

constexpr int kResetOnFork = 0x40000000;  // SCHED_RESET_ON_FORK

/// On a thread of its own, which ends at once: the caller keeps its policy.
int try_policy(const Scheduling& scheduling) {
  int error = 0;
  std::thread scratch([&] {
    sched_param parameters{};
    parameters.sched_priority = scheduling.priority;
    const int policy = (scheduling.policy == Policy::rr ? SCHED_RR : SCHED_FIFO) | kResetOnFork;
    if (::sched_setscheduler(0, policy, &parameters) != 0) error = errno;
  });
  scratch.join();
  return error;
}

/// The folder of our cgroup in the hierarchy with the cpu controller. "5:cpu,cpuacct:/a" is a v1
/// hierarchy, "0::/a" is v2.
fs::path cpu_cgroup() {
  const std::string text = read_file_if_any("/proc/self/cgroup").value_or("");
  for (const auto line : lines_of(text)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const auto padded = "," + controllers + ",";
    if (padded.find(",cpu,") == std::string::npos) continue;
    const fs::path mounted = fs::path("/sys/fs/cgroup") / controllers;
    const std::string below(line.substr(second + 1));
    return (fs::exists(mounted) ? mounted : fs::path("/sys/fs/cgroup/cpu")).string() + below;
  }
  return {};
}

/// With RT_GROUP_SCHED a cgroup starts without real-time run time, and then no right helps.
bool forbids_real_time(const fs::path& cgroup) {
  if (cgroup.empty()) return false;
  const auto text = read_file_if_any(cgroup / "cpu.rt_runtime_us");
  return text && trimmed(*text) == "0";
}

std::string shown(rlim_t limit) {
  return limit == RLIM_INFINITY ? "unlimited" : fmt::format("{} KiB", limit / 1024);
}

Problem problem(std::string code, std::string key, std::string message, std::string hint) {
  return {Severity::error,    std::move(code), "", std::move(key),
          std::move(message), std::move(hint), {}};
}

}  // namespace

Rights probe_rights(const Scheduling& scheduling) {
  Rights rights;
  rights.euid = ::geteuid();
  rights.capabilities = own_capabilities();
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  rights.memlock_soft = limit.rlim_cur;
  rights.memlock_hard = limit.rlim_max;
  ::getrlimit(RLIMIT_RTPRIO, &limit);
  rights.rtprio_hard = limit.rlim_max;
  if (scheduling.policy == Policy::other) return rights;
  rights.real_time_errno = try_policy(scheduling);
  if (rights.real_time_errno == 0) return rights;
  const fs::path cgroup = cpu_cgroup();
  rights.rt_group_sched = forbids_real_time(cgroup);
  rights.cpu_cgroup = cgroup;
  return rights;
}

Checked<MemlockWay> memlock_way(bool wanted, const Rights& rights, bool other_user) {
  if (!wanted) return MemlockWay::not_needed;
  if (rights.memlock_soft == RLIM_INFINITY) return MemlockWay::limit_is_unlimited;
  if (rights.memlock_hard == RLIM_INFINITY || rights.capabilities.effective.has(CAP_SYS_RESOURCE))
    return MemlockWay::raise_limit;
  // Root keeps it through exec by the bounding set; for others it is made ambient, and both the
  // permitted and the bounding set must hold it.
  const auto& own = rights.capabilities;
  if (own.permitted.has(CAP_IPC_LOCK) && own.bounding.has(CAP_IPC_LOCK))
    return MemlockWay::keep_capability;
  return problem(
      "memory-lock-not-allowed", "rt_memory",
      fmt::format("locking all of the guest's memory needs CAP_SYS_RESOURCE or CAP_IPC_LOCK, or "
                  "RLIMIT_MEMLOCK unlimited; this process{} has neither capability, and the limit "
                  "is {}",
                  other_user ? ", which starts QEMU as another user," : "",
                  shown(rights.memlock_hard)),
      "in a systemd unit: LimitMEMLOCK=infinity or AmbientCapabilities=CAP_IPC_LOCK; else run as "
      "root, or set rt_memory: false");
}

Problems real_time_problems(const Scheduling& scheduling, const Rights& rights) {
  if (scheduling.policy == Policy::other || rights.real_time_errno == 0) return {};
  const std::string wish =
      fmt::format("{} priority {}", to_string(scheduling.policy), scheduling.priority);
  if (rights.real_time_errno != EPERM)
    return {problem("real-time-not-allowed", "realtime.priority",
                    fmt::format("the kernel refuses {} (errno {})", wish, rights.real_time_errno),
                    "")};
  if (rights.rt_group_sched)
    return {problem("real-time-not-allowed", "realtime.policy",
                    fmt::format("{} is forbidden to all in cgroup {}: its cpu.rt_runtime_us is 0 "
                                "(RT_GROUP_SCHED)",
                                wish, rights.cpu_cgroup),
                    fmt::format("start from the root cgroup, or write a share to "
                                "{}/cpu.rt_runtime_us",
                                rights.cpu_cgroup))};
  if (rights.capabilities.effective.has(CAP_SYS_NICE))
    return {problem("real-time-not-allowed", "realtime.policy",
                    wish + " is forbidden although CAP_SYS_NICE is there",
                    "a seccomp filter or a security module forbids sched_setscheduler")};
  return {problem(
      "real-time-not-allowed", "realtime.policy",
      fmt::format("{} needs CAP_SYS_NICE or RLIMIT_RTPRIO of at least {}; this process has neither "
                  "(limit {})",
                  wish, scheduling.priority, rights.rtprio_hard),
      "in a systemd unit: AmbientCapabilities=CAP_SYS_NICE or LimitRTPRIO=99; else run as root")};
}

Problems user_problems(const Credentials& user, const Rights& rights) {
  if (user.uid == rights.euid) return {};
  const auto& own = rights.capabilities.effective;
  if (own.has(CAP_SETUID) && own.has(CAP_SETGID)) return {};
  return {problem("user-change-not-allowed", "security.user",
                  fmt::format("running QEMU as user {} needs CAP_SETUID and CAP_SETGID", user.name),
                  "run as root, or leave security.user out")};
}

}  // namespace kvmrt::launcher
