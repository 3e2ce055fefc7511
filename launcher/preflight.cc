// SPDX-License-Identifier: MIT
#include "launcher/preflight.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <linux/capability.h>
#include <string_view>
#include <unistd.h>

#include "base/error.h"
#include "launcher/machine_probe.h"

namespace kvmrt::launcher {
namespace {

using partition::Policy;
using partition::Scheduling;

/// The highest that any thread shall have.
Scheduling highest(const partition::VmPlan& plan) {
  Scheduling most;
  for (const auto& thread : plan.threads)
    if (thread.scheduling.policy != Policy::other && thread.scheduling.priority > most.priority)
      most = thread.scheduling;
  return most;
}

Checked<std::optional<Credentials>> user_of(const profiles::Profile& profile) {
  if (profile.security.user.empty()) return std::optional<Credentials>();
  auto found = credentials_of(profile.security.user);
  if (!found) return found.problems();
  return std::optional<Credentials>(std::move(found).value());
}

std::string binary_of(const QemuInvocation& invocation) {
  if (invocation.argv.empty()) return {};
  try {
    return find_program(invocation.argv.front());
  } catch (const SystemError&) {
    return {};
  }
}

MemoryDemand demand_of(const profiles::Profile& profile, const partition::VmPlan& plan, bool kvm) {
  return {profile.memory.size,
          profile.memory.hugepages,
          memory_nodes_of(profile, plan),
          profile.rt_memory,
          kvm,
          profile.most_vcpus()};
}

void add(Problems& all, const Problems& more) { all.insert(all.end(), more.begin(), more.end()); }

Problem no_binary(const profiles::Profile& profile) {
  return {Severity::error,
          "qemu-not-found",
          "",
          "qemu.binary",
          fmt::format("there is no program {} in PATH", profile.qemu.binary),
          "apt-get install qemu-system-x86",
          {}};
}

/// Without CAP_SYS_NICE it is the limit of the thread itself that allows a real-time policy.
void allow_real_time(Confinement& confinement, const Scheduling& scheduling, const Rights& rights) {
  if (scheduling.policy == Policy::other || rights.capabilities.effective.has(CAP_SYS_NICE)) return;
  confinement.limits.push_back({RLIMIT_RTPRIO, rights.rtprio_hard, rights.rtprio_hard});
}

}  // namespace

PreflightFacts probe_preflight(const profiles::Profile& profile, const partition::VmPlan& plan,
                               const QemuInvocation& invocation, bool kvm) {
  auto user = user_of(profile);
  const auto demands = file_demands(profile, invocation, kvm);
  // Who is not known, or may not be become, cannot be asked what he may read.
  const Rights rights = probe_rights(highest(plan));
  const bool can_ask = user.ok() && (!user.value() || user_problems(**user, rights).empty());
  auto files = can_ask ? probe_files(demands, *user) : std::vector<FileFacts>();
  return {rights, probe_memory(), binary_of(invocation), std::move(user), std::move(files)};
}

bool about_rights(const Problem& problem) {
  constexpr std::array<std::string_view, 5> kCodes{
      "memory-lock-not-allowed", "real-time-not-allowed", "user-change-not-allowed",
      "file-not-allowed", "network-not-allowed"};
  return std::ranges::find(kCodes, problem.code) != kCodes.end();
}

Checked<Permit> preflight(const profiles::Profile& profile, const partition::VmPlan& plan, bool kvm,
                          const PreflightFacts& facts) {
  Problems problems;
  if (facts.binary.empty()) problems.push_back(no_binary(profile));
  add(problems, facts.user.problems());
  std::optional<Credentials> user;
  if (facts.user.ok()) user = *facts.user;
  if (user) add(problems, user_problems(*user, facts.rights));
  const bool other_user = user && user->uid != facts.rights.euid;
  // VFIO locks all of the guest's memory too, for the device.
  const bool locked = profile.rt_memory || !profile.pci.empty();
  const auto way = memlock_way(locked, facts.rights, other_user);
  add(problems, way.problems());
  add(problems, real_time_problems(highest(plan), facts.rights));
  add(problems, memory_problems(demand_of(profile, plan, kvm), facts.memory));
  add(problems, file_problems(facts.files, other_user ? user->name : ""));
  for (Problem& problem : problems) problem.vm = profile.name;
  profiles::locate(problems, profile);
  if (has_error(problems)) return problems;

  Permit permit{facts.binary, *way, user,
                confine(*way, user, facts.rights.capabilities, facts.rights.euid)};
  allow_real_time(permit.confinement, highest(plan), facts.rights);
  return {std::move(permit), std::move(problems)};
}

}  // namespace kvmrt::launcher
