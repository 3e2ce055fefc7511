// SPDX-License-Identifier: MIT
#include "launcher/deadman_thread.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fmt/core.h>
#include <mutex>
#include <sched.h>
#include <sys/timerfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "launcher/log.h"
#include "launcher/reexec.h"

namespace kvmrt::launcher {
bool make_ordinary(const ProcessId& process, Tid tid) {
  std::error_code unknown;
  const auto entry = std::filesystem::path("/proc") / to_string(process.pid) / "task" /
                     std::to_string(tid.value());
  if (!alive(process) || !std::filesystem::exists(entry, unknown)) return false;
  const sched_param none{};
  return ::sched_setscheduler(tid.value(), SCHED_OTHER, &none) == 0;
}

struct DeadmanThread::State {
  ProcessId qemu;
  std::vector<Tid> vcpus;
  std::chrono::milliseconds limit{0};
  int priority = 0;
  Fd alarm;  ///< a timerfd: set and unset without waking the thread that reads it
  std::mutex mutex;
  std::string work;  ///< "": none
  bool over = false;
  std::thread thread;

  void set(std::chrono::nanoseconds after) const;
  void watch();
  void demote(const std::string& what);
};

/// Zero: never.
void DeadmanThread::State::set(std::chrono::nanoseconds after) const {
  constexpr long kSecond = 1'000'000'000;
  itimerspec when{};
  when.it_value = {after.count() / kSecond, after.count() % kSecond};
  ::timerfd_settime(alarm.get(), 0, &when, nullptr);
}

void DeadmanThread::State::demote(const std::string& what) {
  log(Level::error, fmt::format("{} takes more than {} s: the host lacks what a real-time vCPU "
                                "holds; the vCPUs lose their real-time policy",
                                what, std::chrono::duration<double>(limit).count()));
  for (const Tid tid : vcpus) make_ordinary(qemu, tid);
}

void DeadmanThread::State::watch() {
  if (priority > 0) {
    sched_param wanted{};
    wanted.sched_priority = priority;
    // Refused: then this thread is as good as any other of the host.
    ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &wanted);
  }
  std::uint64_t times = 0;
  while (::read(alarm.get(), &times, sizeof times) == sizeof times || errno == EINTR) {
    std::string what;
    {
      const std::scoped_lock lock(mutex);
      if (over) return;
      what = std::exchange(work, "");
    }
    if (!what.empty()) demote(what);
  }
}

DeadmanThread::DeadmanThread() = default;

DeadmanThread::~DeadmanThread() {
  if (!state_) return;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->over = true;
  }
  state_->set(std::chrono::nanoseconds(1));
  state_->thread.join();
}

void DeadmanThread::start(ProcessId qemu, std::vector<Tid> vcpus, std::chrono::milliseconds limit,
                          int priority) {
  state_ = std::make_unique<State>();
  state_->qemu = qemu;
  state_->vcpus = std::move(vcpus);
  state_->limit = limit;
  state_->priority = priority;
  state_->alarm = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  if (!state_->alarm) {
    const int error = errno;
    state_.reset();
    throw SystemError("make", "a timer", error);
  }
  // The signals that stop a supervisor are its first thread's to take.
  hold_signals_back();
  state_->thread = std::thread([state = state_.get()] { state->watch(); });
  let_signals_through();
}

DeadmanThread::Guard DeadmanThread::guard(std::string what) {
  if (state_) {
    {
      const std::scoped_lock lock(state_->mutex);
      state_->work = std::move(what);
    }
    state_->set(state_->limit);
  }
  return Guard(*this);
}

void DeadmanThread::disarm() {
  if (!state_) return;
  state_->set(std::chrono::nanoseconds(0));
  const std::scoped_lock lock(state_->mutex);
  state_->work.clear();
}

}  // namespace kvmrt::launcher
