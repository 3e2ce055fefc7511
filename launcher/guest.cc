// SPDX-License-Identifier: MIT
#include "launcher/guest.h"

#include <algorithm>
#include <fmt/core.h>
#include <functional>

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

Guest::Guest(boost::asio::io_context& io, ProcessId qemu, Fd monitor, GuestWishes wishes)
    : io_(io), qemu_(qemu), wishes_(std::move(wishes)), monitor_(io, std::move(monitor)) {}

namespace {

awaitable<bool> accepted(awaitable<void> asked) {
  try {
    co_await std::move(asked);
  } catch (const qmp::QmpError& error) {
    if (error.kind() != qmp::QmpError::Kind::refused) throw;
    co_return false;
  }
  co_return true;
}

}  // namespace

/// What QEMU is asked of its threads, on its way: all at once, since the guest waits for it.
struct Guest::Asked {
  explicit Asked(qmp::Client& monitor)
      : vcpus(qmp::query_cpus_fast(monitor)),
        iothreads(qmp::query_iothreads(monitor)),
        kvm(qmp::query_kvm(monitor)) {}

  awaitable<std::vector<qmp::VcpuThread>> vcpus;
  awaitable<std::vector<qmp::IothreadInfo>> iothreads;
  awaitable<qmp::KvmState> kvm;
};

Guest::~Guest() = default;

awaitable<qmp::Greeting> Guest::greet() {
  std::function<void()> ask = [this] {
    asked_ = std::make_unique<Asked>(monitor_);
    // Answered last, so that the threads are placed meanwhile.
    noted_.emplace(accepted(qmp::set_trace_event(monitor_, "qemu_system_shutdown_request", true)));
  };
  co_return co_await monitor_.negotiate(wishes_.start_limit, std::move(ask));
}

awaitable<void> Guest::find_threads() {
  ReportedThreads reported;
  // Its own: another find_threads() may ask before this one has its answers.
  const auto asked = asked_ ? std::move(asked_) : std::make_unique<Asked>(monitor_);
  const auto vcpus = co_await std::move(asked->vcpus);
  for (const qmp::VcpuThread& vcpu : vcpus) reported.vcpus.emplace_back(vcpu.cpu_index, vcpu.tid);
  const auto iothreads = co_await std::move(asked->iothreads);
  for (const qmp::IothreadInfo& one : iothreads) reported.iothreads.emplace_back(one.id, one.tid);
  reported_ = std::move(reported);
  const auto kvm = co_await std::move(asked->kvm);
  if (wishes_.kvm && !kvm.enabled)
    throw NotAsPlanned("QEMU does not use KVM, though the plan says so");
}

std::vector<Thread> Guest::classified(const AllThreads& seen) const {
  const Checked<std::vector<Thread>> threads = classify(
      qemu_.pid, seen.own, seen.helpers, reported_,
      {wishes_.nr_vcpus, std::max(wishes_.nr_vcpus, wishes_.most_vcpus)}, wishes_.iothreads);
  if (!threads) throw NotAsPlanned(threads.problems().front().message);
  return threads.value();
}

void Guest::place_and_prove(Promotion promotion) {
  const AllThreads seen = list_all(qemu_.pid);
  settings_ = wanted(classified(seen), wishes_.plan, promotion);
  apply(unmet(settings_, seen.together()));
  const auto wrong = prove(qemu_.pid, settings_, wishes_.memory);
  if (!wrong.empty()) throw NotAsPlanned(joined(wrong));
}

awaitable<bool> Guest::note_power_offs() { return std::move(*noted_); }

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
  const AllThreads seen = list_all(qemu_.pid);
  settings_ = wanted(classified(seen), wishes_.plan, promotion);
  const auto actual = seen.together();
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
  const auto left = mismatches(settings_, list_all(qemu_.pid).together());
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
