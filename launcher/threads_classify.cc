// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "launcher/threads.h"

namespace kvmrt::launcher {
namespace {

using partition::ThreadClass;

Problem problem(std::string message, std::string hint = {}) {
  return {Severity::error, "qemu-threads", "", "", std::move(message), std::move(hint), {}};
}

/// One thread id that QMP reported, and for what.
struct Claim {
  Tid tid;
  ThreadClass thread_class;
  std::optional<int> index;
  std::string name;
};

std::vector<Claim> claims_of(const ReportedThreads& reported) {
  std::vector<Claim> claims;
  for (const auto& [index, tid] : reported.vcpus)
    claims.push_back({tid, ThreadClass::vcpu, index, fmt::format("vcpu{}", index)});
  for (const auto& [id, tid] : reported.iothreads)
    claims.push_back({tid, ThreadClass::iothread, std::nullopt, id});
  return claims;
}

void check_vcpu_indexes(const ReportedThreads& reported, VcpuCount vcpus, Problems& problems) {
  std::set<int> indexes;
  for (const auto& [index, tid] : reported.vcpus) {
    if (index < 0 || index >= vcpus.most)
      problems.push_back(problem(
          fmt::format("QEMU reports a vCPU {}, the profile has 0-{}", index, vcpus.most - 1)));
    if (!indexes.insert(index).second)
      problems.push_back(problem(fmt::format("QEMU reports vCPU {} twice", index)));
  }
  for (int index = 0; index < vcpus.least; ++index)
    if (!indexes.contains(index))
      problems.push_back(
          problem(fmt::format("QEMU reports no vCPU {}, the profile has {}", index, vcpus.least)));
}

void check_iothread_names(const ReportedThreads& reported, const std::vector<std::string>& names,
                          Problems& problems) {
  for (const auto& name : names) {
    const auto count =
        std::ranges::count(reported.iothreads, name, &std::pair<std::string, Tid>::first);
    if (count != 1)
      problems.push_back(
          problem(fmt::format("QEMU reports {} iothreads named {}, wanted one", count, name)));
  }
}

/// A wrong id would have us re-pin a stranger, perhaps with a real-time policy.
void check_owner(Pid qemu, const std::vector<ThreadFacts>& tasks, const std::vector<Claim>& claims,
                 Problems& problems) {
  std::map<Tid, std::string> owners;
  for (const Claim& claim : claims) {
    if (claim.tid.value() == qemu.value())
      problems.push_back(problem(
          fmt::format("{} claims QEMU's main thread {}", claim.name, to_string(claim.tid))));
    else if (std::ranges::find(tasks, claim.tid, &ThreadFacts::tid) == tasks.end())
      problems.push_back(problem(fmt::format("{} claims thread {}, which is not one of QEMU's ({})",
                                             claim.name, to_string(claim.tid), to_string(qemu))));
    const auto [other, first] = owners.emplace(claim.tid, claim.name);
    if (!first)
      problems.push_back(problem(
          fmt::format("{} and {} share thread {}", other->second, claim.name, to_string(claim.tid)),
          "software emulation needs -accel tcg,thread=multi"));
  }
}

/// Threads that the kernel makes inside QEMU; a label only, they live with the emulator threads.
bool made_by_kernel(std::string_view comm) {
  return comm.starts_with("vhost-") || comm.starts_with("kvm-nx-lpage");
}

Thread thread_of(const ThreadFacts& facts, const std::map<Tid, Claim>& claims) {
  Thread thread{facts.tid,  ThreadClass::emulator, std::nullopt,
                facts.comm, facts.kernel_thread,   facts.fixed_affinity};
  if (const auto claim = claims.find(facts.tid); claim != claims.end()) {
    thread.thread_class = claim->second.thread_class;
    thread.index = claim->second.index;
    thread.name = claim->second.name;
  } else if (facts.kernel_thread || made_by_kernel(facts.comm)) {
    thread.thread_class = ThreadClass::helper;
  }
  return thread;
}

}  // namespace

Checked<std::vector<Thread>> classify(Pid qemu, const std::vector<ThreadFacts>& tasks,
                                      const std::vector<ThreadFacts>& helpers,
                                      const ReportedThreads& reported, VcpuCount vcpus,
                                      const std::vector<std::string>& iothreads) {
  const std::vector<Claim> claims = claims_of(reported);
  Problems problems;
  check_vcpu_indexes(reported, vcpus, problems);
  check_iothread_names(reported, iothreads, problems);
  check_owner(qemu, tasks, claims, problems);
  if (!problems.empty()) return problems;

  std::map<Tid, Claim> by_tid;
  for (const Claim& claim : claims) by_tid.emplace(claim.tid, claim);
  std::vector<Thread> threads;
  for (const ThreadFacts& facts : tasks) threads.push_back(thread_of(facts, by_tid));
  for (const ThreadFacts& facts : helpers) threads.push_back(thread_of(facts, by_tid));
  return threads;
}

}  // namespace kvmrt::launcher
