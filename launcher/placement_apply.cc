// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/placement.h"

namespace kvmrt::launcher {
namespace {

using partition::CpuSet;
using partition::Policy;
using partition::ThreadClass;

constexpr int kResetOnFork = 0x40000000;  // SCHED_RESET_ON_FORK

bool may_vanish(const ThreadSetting& setting) {
  return setting.thread_class != ThreadClass::vcpu && setting.thread_class != ThreadClass::iothread;
}

int set_cpus(Tid tid, const CpuSet& cpus) {
  constexpr std::size_t kBits = sizeof(unsigned long) * 8;
  const auto highest = static_cast<std::size_t>(cpus.highest().value_or(CpuId(0)).value());
  std::vector<unsigned long> mask(highest / kBits + 1);
  for (const CpuId cpu : cpus.members()) {
    const auto bit = static_cast<std::size_t>(cpu.value());
    mask[bit / kBits] |= 1UL << (bit % kBits);
  }
  const long result = ::syscall(SYS_sched_setaffinity, tid.value(),
                                mask.size() * sizeof(unsigned long), mask.data());
  return result == 0 ? 0 : errno;
}

std::string status_value(std::string_view key) {
  const std::string status = read_file_if_any("/proc/self/status").value_or("");
  for (const auto line : lines_of(status))
    if (line.starts_with(key)) return std::string(trimmed(line.substr(key.size() + 1)));
  return "?";
}

std::string why_no_cpus(const ThreadSetting& setting, int error) {
  if (error == EPERM)
    return "placing another user's threads needs CAP_SYS_NICE (systemd: "
           "AmbientCapabilities=CAP_SYS_NICE)";
  if (error != EINVAL) return {};
  const std::string online = read_file_if_any("/sys/devices/system/cpu/online").value_or("?");
  return fmt::format(
      "CPUs {}: online are {}, this process's cpuset allows {}; none is left, or the "
      "kernel keeps this thread where it is",
      setting.cpus.list(), trimmed(online), status_value("Cpus_allowed_list"));
}

std::string why_no_policy(int error) {
  if (error == EPERM)
    return "needs CAP_SYS_NICE or RLIMIT_RTPRIO, and with RT_GROUP_SCHED cpu.rt_runtime_us in "
           "QEMU's cgroup";
  return error == EINVAL ? "priorities are 1 to 99" : "";
}

void apply_cpus(const ThreadSetting& setting) {
  if (setting.cpus.empty()) return;
  int error = set_cpus(setting.tid, setting.cpus);
  if (error == EINVAL && !setting.fallback.empty()) error = set_cpus(setting.tid, setting.fallback);
  if (error == 0 || (error == ESRCH && may_vanish(setting))) return;
  throw SystemError(fmt::format("set CPU affinity of {} to", shown(setting)), setting.cpus.list(),
                    error, why_no_cpus(setting, error));
}

/// Children of a real-time thread start without its policy: KVM makes its recovery thread in the
/// context of the vCPU that runs first. The flag, once set, takes CAP_SYS_NICE to clear.
int flags_for(const ThreadSetting& setting) {
  if (setting.scheduling->policy != Policy::other) return kResetOnFork;
  const int now = ::sched_getscheduler(setting.tid.value());
  return now > 0 ? now & kResetOnFork : 0;
}

void apply_policy(const ThreadSetting& setting) {
  if (!setting.scheduling) return;
  const auto& wanted = *setting.scheduling;
  sched_param parameters{};
  parameters.sched_priority = wanted.policy == Policy::other ? 0 : wanted.priority;
  const int policy = policy_number(wanted.policy) | flags_for(setting);
  if (::sched_setscheduler(setting.tid.value(), policy, &parameters) == 0) return;
  const int error = errno;
  if (error == ESRCH && may_vanish(setting)) return;
  throw SystemError(fmt::format("set policy of {} to", shown(setting)),
                    fmt::format("{} {}", to_string(wanted.policy), wanted.priority), error,
                    why_no_policy(error));
}

}  // namespace

void apply(const std::vector<ThreadSetting>& settings) {
  for (const ThreadSetting& setting : settings) apply_cpus(setting);
  for (const ThreadSetting& setting : settings)
    if (setting.thread_class != ThreadClass::vcpu) apply_policy(setting);
  for (const ThreadSetting& setting : settings)
    if (setting.thread_class == ThreadClass::vcpu) apply_policy(setting);
}

}  // namespace kvmrt::launcher
