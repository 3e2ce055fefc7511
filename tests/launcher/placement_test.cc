// SPDX-License-Identifier: MIT
#include "launcher/placement.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "launcher/confine.h"

namespace kvmrt::launcher {
namespace {

using partition::CpuSet;
using partition::Policy;
using partition::Scheduling;
using partition::ThreadClass;
using partition::VmPlan;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Two real-time vCPUs on 5 and 6, the rest on 4, which the VM owns.
VmPlan real_time_plan() {
  VmPlan plan;
  plan.name = "line3";
  plan.rt = true;
  plan.cpuset = {4, 5, 6};
  plan.emulator_cpus = {4};
  plan.owned_cpus = {4, 5, 6};
  plan.housekeeping_cpus = {0, 1, 2, 3};
  plan.threads = {{ThreadClass::emulator, {}, "emulator", {4}, {}},
                  {ThreadClass::vcpu, 0, "vcpu0", {5}, {Policy::fifo, 1}},
                  {ThreadClass::vcpu, 1, "vcpu1", {6}, {Policy::fifo, 1}},
                  {ThreadClass::iothread, {}, "io0", {4}, {Policy::rr, 2}}};
  return plan;
}

VmPlan plan_without_wishes() {
  VmPlan plan;
  plan.threads = {{ThreadClass::emulator, {}, "emulator", {}, {}},
                  {ThreadClass::vcpu, 0, "vcpu0", {}, {}}};
  plan.housekeeping_cpus = {0, 1};
  return plan;
}

const Thread kMain{Tid(70), ThreadClass::emulator, {}, "qemu", false, false};
const Thread kIothread{Tid(72), ThreadClass::iothread, {}, "io0", false, false};
const Thread kVcpu0{Tid(73), ThreadClass::vcpu, 0, "vcpu0", false, false};
const Thread kVcpu1{Tid(74), ThreadClass::vcpu, 1, "vcpu1", false, false};
const Thread kRecovery{Tid(75), ThreadClass::helper, {}, "kvm-nx-lpage-re", false, false};
const Thread kPit{Tid(9), ThreadClass::helper, {}, "kvm-pit/70", true, false};

ThreadSetting setting_for(const Thread& thread, const VmPlan& plan,
                          Promotion promotion = Promotion::done) {
  return wanted({thread}, plan, promotion).front();
}

TEST(Wanted, GivesEachVcpuItsCpuAndPolicy) {
  const auto setting = setting_for(kVcpu1, real_time_plan());
  EXPECT_EQ(setting.tid, Tid(74));
  EXPECT_EQ(setting.cpus, CpuSet{6});
  EXPECT_EQ(setting.scheduling, (Scheduling{Policy::fifo, 1}));
}

TEST(Wanted, KeepsVcpusOnTheirCpusWithoutPolicyUntilTheGuestIsUp) {
  const auto setting = setting_for(kVcpu0, real_time_plan(), Promotion::not_yet);
  EXPECT_EQ(setting.cpus, CpuSet{5});
  EXPECT_EQ(setting.scheduling, Scheduling{});
}

TEST(Wanted, PutsUnknownThreadsAndHelpersWithTheEmulator) {
  for (const Thread& thread : {kMain, kRecovery, kPit}) {
    const auto setting = setting_for(thread, real_time_plan());
    EXPECT_EQ(setting.cpus, CpuSet{4}) << thread.name;
    EXPECT_EQ(setting.scheduling, Scheduling{}) << thread.name;
  }
  EXPECT_EQ(setting_for(kPit, real_time_plan()).fallback, (CpuSet{0, 1, 2, 3}));
}

TEST(Wanted, FindsIothreadsByName) {
  const auto setting = setting_for(kIothread, real_time_plan());
  EXPECT_EQ(setting.cpus, CpuSet{4});
  EXPECT_EQ(setting.scheduling, (Scheduling{Policy::rr, 2}));
}

TEST(Wanted, PutsHelpersOnHousekeepingCpusWhereTheEmulatorHasNone) {
  VmPlan plan = real_time_plan();
  plan.emulator_cpus = {};
  EXPECT_EQ(setting_for(kPit, plan).cpus, (CpuSet{0, 1, 2, 3}));
}

TEST(Wanted, LeavesThreadsThatTheKernelHoldsInPlace) {
  Thread fixed = kPit;
  fixed.fixed_affinity = true;
  EXPECT_TRUE(setting_for(fixed, real_time_plan()).cpus.empty());
}

TEST(Wanted, HasNoWishesForAVmWithoutBiasing) {
  for (const Thread& thread : {kMain, kVcpu0, kPit}) {
    const auto setting = setting_for(thread, plan_without_wishes());
    EXPECT_TRUE(setting.cpus.empty());
    EXPECT_EQ(setting.scheduling, std::nullopt);
  }
}

ThreadFacts facts_for(const Thread& thread, CpuSet cpus, int policy = SCHED_OTHER,
                      int priority = 0) {
  ThreadFacts facts;
  facts.tid = thread.tid;
  facts.comm = thread.name;
  facts.cpus = std::move(cpus);
  facts.policy = policy;
  facts.priority = priority;
  return facts;
}

const auto kWanted = wanted({kMain, kVcpu0, kVcpu1, kPit}, real_time_plan());

std::vector<ThreadFacts> all_in_place() {
  return {facts_for(kMain, {4}), facts_for(kVcpu0, {5}, SCHED_FIFO, 1),
          facts_for(kVcpu1, {6}, SCHED_FIFO, 1), facts_for(kPit, {4})};
}

std::vector<std::string> texts(const std::vector<Mismatch>& all) {
  std::vector<std::string> lines;
  for (const Mismatch& one : all) lines.push_back(to_string(one));
  return lines;
}

TEST(Mismatches, AreNoneWhenAllIsInPlace) {
  EXPECT_THAT(mismatches(kWanted, all_in_place()), IsEmpty());
  EXPECT_THAT(unmet(kWanted, all_in_place()), IsEmpty());
}

TEST(Mismatches, SayWhichThreadWhatWasWantedAndWhatIs) {
  auto actual = all_in_place();
  actual[1].cpus = {0, 1};
  actual[2].priority = 7;
  actual[0].policy = SCHED_RR;
  EXPECT_THAT(texts(mismatches(kWanted, actual)),
              ElementsAre("qemu (thread 70): policy: wanted other, found rr",
                          "vcpu0 (thread 73): allowed CPUs: wanted 5, found 0-1",
                          "vcpu1 (thread 74): priority: wanted 1, found 7"));
  EXPECT_THAT(unmet(kWanted, actual), SizeIs(3));
}

TEST(Mismatches, ContainAVcpuThatIsGoneButNoWorkerThatEnded) {
  auto actual = all_in_place();
  actual.erase(actual.begin(), actual.begin() + 2);
  EXPECT_THAT(texts(mismatches(kWanted, actual)),
              ElementsAre("vcpu0 (thread 73): thread: wanted alive, found gone"));
  EXPECT_THAT(unmet(kWanted, actual), IsEmpty());
}

TEST(Mismatches, ContainARealTimeThreadWhoseChildrenWouldBeRealTimeToo) {
  auto actual = all_in_place();
  actual[1].reset_on_fork = false;
  EXPECT_THAT(texts(mismatches(kWanted, actual)),
              ElementsAre("vcpu0 (thread 73): reset-on-fork flag: wanted set, found clear"));
}

TEST(Mismatches, AcceptAKernelThreadThatStaysOnHousekeepingCpus) {
  auto actual = all_in_place();
  actual[3].cpus = {0, 1, 2};
  EXPECT_THAT(mismatches(kWanted, actual), IsEmpty());
  actual[3].cpus = {0, 5};
  EXPECT_THAT(mismatches(kWanted, actual), SizeIs(1));
}

TEST(Mismatches, AcceptFewerSharedHousekeepingCpusButNoOthers) {
  VmPlan plan = real_time_plan();
  plan.emulator_cpus = plan.threads[0].cpus = {0, 1, 2, 3};
  const auto settings = wanted({kMain}, plan);
  EXPECT_TRUE(meets(facts_for(kMain, {0, 1}), settings.front()));
  EXPECT_FALSE(meets(facts_for(kMain, {0, 5}), settings.front()));
}

TEST(Mismatches, AcceptNothingButTheExactCpusOfAVcpu) {
  VmPlan plan = real_time_plan();
  plan.threads[1].cpus = {0, 1};
  const auto settings = wanted({kVcpu0}, plan);
  EXPECT_FALSE(meets(facts_for(kVcpu0, {0}, SCHED_FIFO, 1), settings.front()));
}

/// A process to be placed: waits, and ends with the test.
class Target {
 public:
  Target() : pid_(::fork()) {
    if (pid_ == 0)
      for (;;) ::pause();
  }
  ~Target() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  [[nodiscard]] ThreadSetting setting(ThreadClass thread_class, CpuSet cpus,
                                      std::optional<Scheduling> scheduling) const {
    return {Tid(pid_), thread_class, 0, "vcpu0", std::move(cpus), {}, false, scheduling};
  }
  [[nodiscard]] ThreadFacts facts() const { return list_threads(Pid(pid_)).front(); }

 private:
  pid_t pid_;
};

bool may_use_real_time() { return own_capabilities().effective.has(CAP_SYS_NICE); }

TEST(Apply, SetsAffinityAndPolicySoThatChildrenDoNotInheritThePolicy) {
  if (!may_use_real_time()) GTEST_SKIP() << "needs CAP_SYS_NICE";
  const Target target;
  const auto setting = target.setting(ThreadClass::vcpu, {0}, Scheduling{Policy::rr, 1});
  apply({setting});
  const ThreadFacts facts = target.facts();
  EXPECT_EQ(facts.cpus, CpuSet{0});
  EXPECT_EQ(facts.policy, SCHED_RR);
  EXPECT_EQ(facts.priority, 1);
  EXPECT_EQ(facts.reset_on_fork, true);
  EXPECT_TRUE(meets(facts, setting));
}

TEST(Apply, TakesARealTimePolicyAwayAgain) {
  if (!may_use_real_time()) GTEST_SKIP() << "needs CAP_SYS_NICE";
  const Target target;
  apply({target.setting(ThreadClass::vcpu, {}, Scheduling{Policy::fifo, 1})});
  EXPECT_EQ(target.facts().policy, SCHED_FIFO);
  apply({target.setting(ThreadClass::vcpu, {}, Scheduling{})});
  EXPECT_EQ(target.facts().policy, SCHED_OTHER);
}

TEST(Apply, TouchesNothingWithoutWishes) {
  const Target target;
  const ThreadFacts before = target.facts();
  apply({target.setting(ThreadClass::vcpu, {}, std::nullopt)});
  EXPECT_EQ(target.facts().cpus, before.cpus);
}

TEST(Apply, ExplainsCpusThatCannotBeHad) {
  const Target target;
  try {
    apply({target.setting(ThreadClass::vcpu, {4001}, std::nullopt)});
    FAIL() << "accepted";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.error_number(), EINVAL);
    EXPECT_THAT(error.what(), HasSubstr("set CPU affinity of vcpu0 (thread "));
    EXPECT_THAT(error.what(), HasSubstr(" to 4001: Invalid argument"));
    EXPECT_THAT(error.hint(), HasSubstr("online are 0"));
  }
}

TEST(Apply, FallsBackForAKernelThreadThatMayNotGoThere) {
  const Target target;
  ThreadSetting setting = target.setting(ThreadClass::helper, {4001}, std::nullopt);
  setting.fallback = {0};
  apply({setting});
  EXPECT_EQ(target.facts().cpus, CpuSet{0});
}

TEST(Apply, PassesOverAWorkerThatEndedButNotOverAVcpu) {
  constexpr Tid kNobody(0x3fffffff);
  ThreadSetting gone{kNobody, ThreadClass::emulator, {}, "worker", {0}, {}, false, Scheduling{}};
  EXPECT_NO_THROW(apply({gone}));
  gone.thread_class = ThreadClass::vcpu;
  EXPECT_THROW(apply({gone}), SystemError);
}

}  // namespace
}  // namespace kvmrt::launcher
