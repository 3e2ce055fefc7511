// SPDX-License-Identifier: MIT
#include "launcher/latency/cyclic.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <fmt/format.h>
#include <memory>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <thread>

#include "base/error.h"

namespace kvmrt::launcher::latency {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kFine = 20'000;    ///< 1 us each
constexpr std::size_t kCoarse = 60'000;  ///< 1 ms each; the last takes all beyond a minute

/// Counts without allocating: the measuring threads must not fault.
class Recorder {
 public:
  void add(std::int64_t us) {
    if (us > worst_.load(std::memory_order_relaxed)) worst_.store(us, std::memory_order_relaxed);
    const auto at = static_cast<std::size_t>(std::max<std::int64_t>(us, 0));
    if (at < kFine)
      ++fine_[at];
    else
      ++coarse_[std::min(at / 1000, kCoarse - 1)];
  }
  [[nodiscard]] std::int64_t worst() const { return worst_.load(std::memory_order_relaxed); }
  [[nodiscard]] Histogram histogram() const {
    Histogram made;
    for (std::size_t us = 0; us < kFine; ++us) made.add(static_cast<std::int64_t>(us), fine_[us]);
    std::uint64_t late = 0;
    for (std::size_t ms = 0; ms < kCoarse; ++ms) late += coarse_[ms];
    for (std::size_t ms = 0; ms < kCoarse && late > 0; ++ms) {
      late -= coarse_[ms];
      // The last one is known exactly, so that the maximum is the maximum.
      const std::uint64_t exact = late == 0 && coarse_[ms] > 0 ? 1 : 0;
      made.add(static_cast<std::int64_t>(ms) * 1000, coarse_[ms] - exact);
      made.add(worst(), exact);
    }
    return made;
  }

 private:
  std::array<std::uint32_t, kFine> fine_{};
  std::array<std::uint32_t, kCoarse> coarse_{};
  std::atomic<std::int64_t> worst_{0};
};

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

timespec at(std::int64_t time) { return {time / kSecond, time % kSecond}; }

/// One CPU: its thread, what it counts, and what went wrong.
struct Lane {
  CpuId cpu;
  Recorder recorder;
  std::thread thread;
  int failed = 0;
  const char* act = "";
};

int settle(Lane& lane, const CyclicOptions& options) {
  cpu_set_t* set = CPU_ALLOC(partition::BitSet::kMaxId + 1);
  const std::size_t size = CPU_ALLOC_SIZE(partition::BitSet::kMaxId + 1);
  CPU_ZERO_S(size, set);
  CPU_SET_S(static_cast<std::size_t>(lane.cpu.value()), size, set);
  int failed = ::pthread_setaffinity_np(::pthread_self(), size, set);
  CPU_FREE(set);
  lane.act = "move the measuring thread to";
  if (failed != 0) return failed;
  sched_param param{};
  param.sched_priority = options.priority;
  failed = ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &param);
  lane.act = "set SCHED_FIFO for the measuring thread of";
  return failed;
}

void measure(Lane& lane, const CyclicOptions& options, const std::atomic<bool>& stop,
             std::atomic<int>& ready) {
  lane.failed = settle(lane, options);
  ++ready;
  if (lane.failed != 0) return;
  const std::int64_t interval = options.interval_us * std::int64_t{1000};
  std::int64_t next = now() + interval;
  while (!stop.load(std::memory_order_relaxed)) {
    const timespec until = at(next);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    const std::int64_t late = now() - next;
    lane.recorder.add(late / 1000);
    next += interval;
    // After a long wait the missed wake-ups are left out, not made up for in a burst.
    if (late > interval) next = now() + interval;
  }
}

/// Locked while it lives; without the right to lock, measured anyway, as cyclictest does.
class LockedMemory {
 public:
  LockedMemory() { locked_ = ::mlockall(MCL_CURRENT | MCL_FUTURE) == 0; }
  ~LockedMemory() {
    if (locked_) ::munlockall();
  }
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;

 private:
  bool locked_ = false;
};

using Lanes = std::vector<std::unique_ptr<Lane>>;

void watch(const Lanes& lanes, double seconds, const std::function<bool()>& stop,
           const Progress& progress) {
  const std::int64_t begin = now();
  const auto all = static_cast<std::int64_t>(seconds * kSecond);
  for (std::int64_t gone = 0; gone < all && !stop(); gone = now() - begin) {
    const timespec pause = at(std::min<std::int64_t>(kSecond / 10, all - gone));
    ::nanosleep(&pause, nullptr);
    std::vector<std::int64_t> worst;
    for (const auto& lane : lanes) worst.push_back(lane->recorder.worst());
    if (progress) progress(static_cast<double>(now() - begin) / kSecond, worst);
  }
}

void check(const Lanes& lanes) {
  for (const auto& lane : lanes)
    if (lane->failed != 0)
      throw SystemError(lane->act, fmt::format("CPU {}", lane->cpu.value()), lane->failed,
                        lane->failed == EPERM ? "it needs root, or CAP_SYS_NICE" : "");
}

}  // namespace

std::vector<Series> measure_wakeups(const CyclicOptions& options, const std::function<bool()>& stop,
                                    const Progress& progress) {
  const LockedMemory locked;
  std::atomic<bool> over{false};
  std::atomic<int> ready{0};
  Lanes lanes;
  for (const CpuId cpu : options.cpus.members()) {
    lanes.push_back(std::make_unique<Lane>());
    lanes.back()->cpu = cpu;
  }
  for (auto& lane : lanes)
    lane->thread = std::thread(
        [&one = *lane, &options, &over, &ready] { measure(one, options, over, ready); });
  while (ready < static_cast<int>(lanes.size())) std::this_thread::yield();
  const bool fine = std::ranges::all_of(lanes, [](const auto& lane) { return lane->failed == 0; });
  if (fine) watch(lanes, options.seconds, stop, progress);
  over = true;
  for (auto& lane : lanes) lane->thread.join();
  check(lanes);
  std::vector<Series> series;
  for (const auto& lane : lanes)
    series.push_back({"host", lane->cpu.value(), lane->recorder.histogram()});
  return series;
}

}  // namespace kvmrt::launcher::latency
