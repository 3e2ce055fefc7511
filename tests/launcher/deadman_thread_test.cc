// SPDX-License-Identifier: MIT
#include "launcher/deadman_thread.h"

#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

using std::chrono::milliseconds;

/// A thread of this process with another policy than SCHED_OTHER, which needs no right.
class Victim {
 public:
  Victim() {
    std::promise<int> known;
    auto tid = known.get_future();
    thread_ = std::thread([this, &known] {
      const sched_param none{};
      ::sched_setscheduler(0, SCHED_BATCH, &none);
      known.set_value(::gettid());
      over_.get_future().wait();
    });
    tid_ = tid.get();
  }
  ~Victim() {
    over_.set_value();
    thread_.join();
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  [[nodiscard]] Tid tid() const { return Tid(tid_); }
  [[nodiscard]] int policy() const { return ::sched_getscheduler(tid_); }

 private:
  int tid_ = 0;
  std::promise<void> over_;
  std::thread thread_;
};

bool becomes_ordinary(const Victim& victim, milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (std::chrono::steady_clock::now() < end) {
    if (victim.policy() == SCHED_OTHER) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

TEST(DeadmanThread, DemotesWhenGuardedWorkTakesTooLong) {
  const Victim vcpu;
  DeadmanThread thread;
  thread.start(own_process(), {vcpu.tid()}, milliseconds(50), 0);
  EXPECT_EQ(vcpu.policy(), SCHED_BATCH);
  const auto guard = thread.guard("writing to the host");
  EXPECT_TRUE(becomes_ordinary(vcpu, std::chrono::seconds(20)));
}

TEST(DeadmanThread, LeavesTheVcpusAloneWhenTheWorkIsDone) {
  const Victim vcpu;
  DeadmanThread thread;
  thread.start(own_process(), {vcpu.tid()}, milliseconds(200), 0);
  { const auto guard = thread.guard("writing to the host"); }
  EXPECT_FALSE(becomes_ordinary(vcpu, milliseconds(500)));
}

TEST(MakeOrdinary, TouchesNoThreadOfAnotherProcess) {
  const Victim stranger;
  const auto parent = identify(Pid(::getppid()));
  ASSERT_TRUE(parent);
  EXPECT_FALSE(make_ordinary(*parent, stranger.tid()));
  EXPECT_EQ(stranger.policy(), SCHED_BATCH);
}

}  // namespace
}  // namespace kvmrt::launcher
