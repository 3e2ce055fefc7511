// SPDX-License-Identifier: MIT
#include "launcher/guest.h"

#include <algorithm>
#include <fmt/core.h>

#include "base/error.h"
#include "launcher/deadman_thread.h"
#include "qmp/commands.h"

namespace kvmrt::launcher {
namespace {

using boost::asio::awaitable;

std::string joined(const std::vector<Mismatch>& mismatches) {
  std::string text;
  for (const Mismatch& mismatch : mismatches) {
    if (!text.empty()) text += "; ";
    text += to_string(mismatch);
  }
  return text;
}

const ThreadFacts* find_thread(const std::vector<ThreadFacts>& threads, Tid tid) {
  const auto found = std::find_if(threads.begin(), threads.end(),
                                  [&](const ThreadFacts& t) { return t.tid == tid; });
  return found == threads.end() ? nullptr : &*found;
}

std::string found_text(const ThreadFacts* facts) {
  if (facts == nullptr) return "gone";
  return fmt::format("CPUs {}, {} {}", facts->cpus.list(), policy_name(facts->policy),
                     facts->priority);
}

}  // namespace

std::vector<ThreadFacts> all_threads(Pid qemu) {
  auto threads = list_threads(qemu);
  for (ThreadFacts& helper : list_kernel_helpers(qemu)) threads.push_back(std::move(helper));
  return threads;
}

Guest::Guest(boost::asio::io_context& io, ProcessId qemu, Fd monitor, GuestWishes wishes)
    : io_(io), qemu_(qemu), wishes_(std::move(wishes)), monitor_(io, std::move(monitor)) {}

awaitable<qmp::Greeting> Guest::greet() {
  co_return co_await monitor_.negotiate(wishes_.start_limit);
}

awaitable<void> Guest::find_threads() {
  ReportedThreads reported;
  // All asked at once: QEMU answers in order, and the guest waits for it.
  auto cpus_asked = qmp::query_cpus_fast(monitor_);
  auto iothreads_asked = qmp::query_iothreads(monitor_);
  auto kvm_asked = qmp::query_kvm(monitor_);
  const auto vcpus = co_await std::move(cpus_asked);
  for (const qmp::VcpuThread& vcpu : vcpus) reported.vcpus.emplace_back(vcpu.cpu_index, vcpu.tid);
  const auto iothreads = co_await std::move(iothreads_asked);
  for (const qmp::IothreadInfo& one : iothreads) reported.iothreads.emplace_back(one.id, one.tid);
  reported_ = std::move(reported);
  const auto kvm = co_await std::move(kvm_asked);
  if (wishes_.kvm && !kvm.enabled)
    throw NotAsPlanned("QEMU does not use KVM, though the plan says so");
}

std::vector<Thread> Guest::classified() const {
  const Checked<std::vector<Thread>> threads =
      classify(qemu_.pid, list_threads(qemu_.pid), list_kernel_helpers(qemu_.pid), reported_,
               wishes_.nr_vcpus, wishes_.iothreads);
  if (!threads) throw NotAsPlanned(threads.problems().front().message);
  return threads.value();
}

void Guest::place_and_prove(Promotion promotion) {
  settings_ = wanted(classified(), wishes_.plan, promotion);
  apply(unmet(settings_, all_threads(qemu_.pid)));
  const auto wrong = prove(qemu_.pid, settings_, wishes_.memory);
  if (!wrong.empty()) throw NotAsPlanned(joined(wrong));
}

awaitable<bool> Guest::note_power_offs() {
  try {
    co_await qmp::set_trace_event(monitor_, "qemu_system_shutdown_request", true);
  } catch (const qmp::QmpError& error) {
    if (error.kind() != qmp::QmpError::Kind::refused) throw;
    co_return false;
  }
  co_return true;
}

awaitable<void> Guest::resume() { co_await qmp::cont(monitor_); }

awaitable<void> Guest::restart(Promotion promotion) {
  // Under reboot=shutdown QEMU would turn our own reset into one more end of the guest.
  qmp::Actions actions{};
  actions.reboot = "reset";
  co_await qmp::set_action(monitor_, actions);
  co_await qmp::system_reset(monitor_);
  actions.reboot = "shutdown";
  co_await qmp::set_action(monitor_, actions);
  co_await find_threads();
  place_and_prove(promotion);
  co_await resume();
}

std::vector<Guest::Repair> Guest::sweep(Promotion promotion) {
  const auto before = std::move(settings_);
  settings_ = wanted(classified(), wishes_.plan, promotion);
  const auto actual = all_threads(qemu_.pid);
  const auto wrong = unmet(settings_, actual);
  std::vector<Repair> repairs;
  for (const ThreadSetting& setting : wrong) {
    const bool known = std::any_of(before.begin(), before.end(), [&](const ThreadSetting& old) {
      return old.tid == setting.tid && old == setting;
    });
    repairs.push_back({setting, found_text(find_thread(actual, setting.tid)), known});
  }
  if (wrong.empty()) return repairs;
  apply(wrong);
  const auto left = mismatches(settings_, all_threads(qemu_.pid));
  if (!left.empty()) throw NotAsPlanned(joined(left));
  return repairs;
}

bool Guest::awaits_recovery_thread() const {
  return wishes_.recovery_thread &&
         std::none_of(settings_.begin(), settings_.end(), [](const ThreadSetting& setting) {
           return setting.thread_class == partition::ThreadClass::helper &&
                  setting.name.starts_with("kvm-nx-lpage");
         });
}

void Guest::demote() {
  for (const ThreadSetting& setting : settings_)
    if (setting.thread_class == partition::ThreadClass::vcpu) make_ordinary(qemu_, setting.tid);
}

std::string thread_table(const std::vector<ThreadSetting>& settings,
                         const std::vector<ThreadFacts>& actual) {
  std::string text = fmt::format("{:>8}  {:<9} {:<20} {:<6} {:>4}  {:<12} {}\n", "TID", "CLASS",
                                 "NAME", "POLICY", "PRIO", "CPUS", "AS PLANNED");
  for (const ThreadSetting& setting : settings) {
    const ThreadFacts* facts = find_thread(actual, setting.tid);
    if (facts == nullptr) continue;
    text += fmt::format("{:>8}  {:<9} {:<20} {:<6} {:>4}  {:<12} {}\n", setting.tid.value(),
                        to_string(setting.thread_class), setting.name, policy_name(facts->policy),
                        facts->priority, facts->cpus.list(), meets(*facts, setting) ? "yes" : "NO");
  }
  return text;
}

}  // namespace kvmrt::launcher
