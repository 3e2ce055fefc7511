// SPDX-License-Identifier: MIT
// A guest that holds what the host needs, or a QEMU that hangs: seen because QEMU does not answer,
// or because our own work takes too long. First the vCPUs lose their real-time policy, then QEMU is
// ended.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <sched.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/log.h"
#include "launcher/supervisor.h"
#include "qmp/message.h"

namespace kvmrt::launcher {
namespace {

using boost::system::error_code;
using partition::ThreadClass;
using partition::ThreadPlan;

// A QEMU that ends has closed its monitor some 100 ms before.
constexpr milliseconds kMonitorLost{5000};

milliseconds limit_or(milliseconds deadman) { return deadman.count() > 0 ? deadman : kMonitorLost; }

int highest_vcpu_priority(const partition::VmPlan& plan) {
  int highest = 0;
  for (const ThreadPlan& thread : plan.threads)
    if (thread.thread_class == ThreadClass::vcpu)
      highest = std::max(highest, thread.scheduling.priority);
  return highest;
}

}  // namespace

milliseconds deadman_limit() {
  const char* given = std::getenv("KVMRT_DEADMAN");  // NOLINT(concurrency-mt-unsafe): one thread
  constexpr int kDefault = 30;
  constexpr int kDay = 86'400;
  if (given == nullptr) return std::chrono::seconds(kDefault);
  int seconds = 0;
  const char* last = given + std::strlen(given);
  const auto [end, error] = std::from_chars(given, last, seconds);
  if (error == std::errc() && end == last && seconds >= 0 && seconds <= kDay)
    return std::chrono::seconds(seconds);
  log(Level::warning, fmt::format("KVMRT_DEADMAN is \"{}\": seconds from 0 to {} are wanted; {} s "
                                  "are taken",
                                  given, kDay, kDefault));
  return std::chrono::seconds(kDefault);
}

/// Only the deadman's thread runs above the vCPUs, for it does next to nothing. The supervisor
/// itself must not: what it asks of the kernel (ending tasks, /proc) may loop there until an
/// ordinary task of the same CPU has gone on, which below a SCHED_FIFO task never comes. Seen on
/// Linux 6.18: waitid, in shrink_dcache_parent(), for good.
void Supervisor::start_deadman() {
  const int highest = highest_vcpu_priority(charge_.wishes.plan);
  if (!charge_.profile.rt || highest == 0 || life_.deadman.count() == 0) return;
  const int priority = std::min(highest + 1, ::sched_get_priority_max(SCHED_FIFO));
  std::vector<Tid> vcpus;
  for (const auto& [index, tid] : guest_.reported().vcpus) vcpus.push_back(tid);
  try {
    deadman_.start(charge_.qemu, std::move(vcpus), life_.deadman, priority);
  } catch (const std::exception& error) {
    log(Level::warning, fmt::format("no deadman: {}", error.what()));
  }
}

/// QEMU closes its monitor when it ends. One that closes it and lives, or talks nonsense, cannot be
/// supervised any more.
void Supervisor::monitor_lost(const std::string& why) {
  if (finished_ || !running_) return;
  monitor_end_ = why;
  if (!std::exchange(asked_for_life_, true))
    silent_after(std::min(kMonitorLost, limit_or(life_.deadman)));
}

/// One question at a time; the answer is what counts, not what it says.
void Supervisor::ask_for_life() {
  const milliseconds limit = life_.deadman;
  if (limit.count() == 0 || asked_for_life_ || life_.stage == Stage::stopping || restarting_)
    return;
  try {
    asked_for_life_ = true;
    heard_ = false;
    guest_.monitor().submit("query-status", nlohmann::json::object(), [this](const qmp::Reply* r) {
      if (r == nullptr) return;  // the connection ended, see monitor_lost
      asked_for_life_ = false;
      silence_.cancel();
      if (!finished_) handle(QemuAnswers{});
    });
  } catch (const qmp::QmpError&) {
    asked_for_life_ = false;  // a closed monitor: the pidfd tells of QEMU
    return;
  }
  silent_after(limit);
}

void Supervisor::silent_after(milliseconds limit) {
  silence_.expires_after(limit);
  silence_.async_wait([this](error_code stopped) {
    if (stopped || finished_ || !asked_for_life_) return;
    // Events that come are a sign of life too: the answer may wait behind a flood of them.
    if (monitor_end_.empty() && std::exchange(heard_, false))
      return silent_after(limit_or(life_.deadman));
    const bool again = !life_.demoted;
    handle(QemuSilent{what_holds_qemu(), !monitor_end_.empty()});
    if (again) silent_after(limit_or(life_.deadman) / 2);
  });
}

void Supervisor::demote() { guest_.demote(); }

std::string Supervisor::what_holds_qemu() const {
  if (!monitor_end_.empty()) return "its monitor is lost (" + monitor_end_ + ")";
  const std::string report = stuck_report(charge_.qemu.pid);
  return report.empty() ? "it is ending" : report;
}

}  // namespace kvmrt::launcher
