// SPDX-License-Identifier: MIT
// What is refused before anything is touched, and what is told.
#include <algorithm>
#include <gtest/gtest.h>
#include <thread>

#include "partition/keeper_files.h"
#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

std::string first_error(const Problems& problems) {
  for (const Problem& problem : problems) {
    if (problem.severity == Severity::error) return problem.code;
  }
  return "";
}

bool has(const Problems& problems, const std::string& code) {
  return std::any_of(problems.begin(), problems.end(),
                     [&code](const Problem& problem) { return problem.code == code; });
}

struct Scene {
  explicit Scene(FakeShape shape = {}) : host(busy_host(shape)), keeper(host, run.path()) {
    lease = lease_on(*host, "a", 4, 6, 900);
  }
  void expect_refused(const std::string& code) {
    const FakeImage before = host->image();
    const auto answer = keeper.acquire({lease}, policy);
    ASSERT_FALSE(answer);
    EXPECT_EQ(first_error(answer.problems()), code);
    EXPECT_EQ(host->difference(before), "");
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  Keeper keeper;
  Lease lease;
  HostPolicy policy;
};

TEST(Refusal, OfACpuThatDoesNotExist) {
  Scene scene;
  scene.lease.plan.owned_cpus = {99};
  scene.lease.plan.cpuset = {99};
  scene.lease.plan.offline_cpus = {};
  scene.expect_refused("cpu-offline");
}

TEST(Refusal, OfACpuThatSomeoneTookOffline) {
  Scene scene;
  ASSERT_EQ(scene.host->write("/sys/devices/system/cpu/cpu6/online", "0"), 0);
  scene.expect_refused("cpu-offline");
}

TEST(Refusal, OfASiblingThatCannotGoOffline) {
  Scene scene;
  scene.lease = lease_on(*scene.host, "a", 1, 1, 900);
  scene.expect_refused("sibling-cannot-go-offline");
}

TEST(Refusal, OfCpusOfARunningVm) {
  Scene scene;
  ASSERT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy));
  scene.lease = lease_on(*scene.host, "b", 6, 6, 901);
  scene.expect_refused("rt-cpuset-overlap");
}

TEST(Refusal, OfAVmThatRunsAlready) {
  Scene scene;
  ASSERT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy));
  scene.expect_refused("vm-running");
}

TEST(Refusal, WhenNoCpuIsLeftForTheHost) {
  Scene scene;
  scene.lease.plan.owned_cpus = CpuSet::range(0, 7);
  scene.expect_refused("no-housekeeping-cpu");
}

TEST(Refusal, OfAnotherShieldOnTheSameCpus) {
  Scene scene;
  scene.host->files["/sys/fs/cgroup/shield/cpuset.cpus"] = "6-7";
  scene.expect_refused("foreign-shield");
}

TEST(Refusal, OfAnotherShieldAlsoWithoutAPartitionOfOurOwn) {
  Scene scene;
  scene.lease.plan.emulator_cpus = {0};
  scene.lease.plan.threads[0].cpus = {0};
  scene.host->files["/sys/fs/cgroup/shield/cpuset.cpus"] = "6-7";
  scene.host->files["/sys/fs/cgroup/shield/cpuset.cpus.partition"] = "isolated";
  scene.expect_refused("foreign-shield");
  scene.host->files["/sys/fs/cgroup/shield/cpuset.cpus.partition"] = "member";
  EXPECT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy)) << "it keeps nobody out";
}

TEST(Refusal, OfAShieldOfCgroupV1) {
  Scene scene({.partitions = false});
  scene.host->files["/sys/fs/cgroup/cpuset/cpuset.cpus"] = "0-7\n";
  scene.host->files["/sys/fs/cgroup/cpuset/cpuset.cpu_exclusive"] = "1\n";  // as every root's is
  scene.host->files["/sys/fs/cgroup/cpuset/user/cpuset.cpus"] = "6-7\n";
  scene.host->files["/sys/fs/cgroup/cpuset/user/cpuset.cpu_exclusive"] = "1\n";
  scene.expect_refused("foreign-shield");
}

TEST(Refusal, OfAPartitionDirectoryThatIsNotOurs) {
  Scene scene;
  scene.host->files["/sys/fs/cgroup/kvmrt-a/cpuset.cpus.partition"] = "member";
  scene.expect_refused("partition-exists");
}

TEST(Refusal, OfHotplugBesideARunningGuestWhereTheHostFileSaysSo) {
  Scene scene;
  scene.lease = lease_on(*scene.host, "a", 4, 4, 900);
  ASSERT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy));
  scene.lease = lease_on(*scene.host, "b", 6, 6, 901);
  scene.policy.disturb = DisturbRule::refuse;
  scene.expect_refused("disturbs-running-guest");
  scene.policy.disturb = DisturbRule::warn;
  const auto answer = scene.keeper.acquire({scene.lease}, scene.policy);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(has(answer->problems, "disturbs-running-guest"));
}

TEST(Refusal, OfAFullRunLeavesEverythingAsItWas) {
  Scene scene;
  const FakeImage before = scene.host->image();
  scene.host->fail_at = 0;
  try {
    (void)scene.keeper.acquire({scene.lease}, scene.policy);
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.error_number(), ENOSPC);
  }
  EXPECT_EQ(scene.host->effects, 1);
  EXPECT_EQ(scene.host->difference(before), "");
}

TEST(Siblings, ComeBackWithoutHarmToAVmThatUsesThemNext) {
  Scene scene;
  const FakeImage before = scene.host->image();
  ASSERT_TRUE(scene.keeper.acquire({lease_on(*scene.host, "a", 4, 4, 900)}, scene.policy));
  ASSERT_TRUE(scene.keeper.acquire({lease_on(*scene.host, "b", 6, 6, 901)}, scene.policy));
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  auto next = lease_on(*scene.host, "c", 5, 5, 902);
  const auto answer = scene.keeper.acquire({next}, scene.policy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  EXPECT_EQ(scene.host->online(), (CpuSet{0, 1, 2, 3, 5, 6}));
  for (const Problem& problem : scene.keeper.release("c").left) FAIL() << to_string(problem);
  ASSERT_TRUE(scene.keeper.release("b").left.empty());
  EXPECT_EQ(scene.host->difference(before), "");
}

TEST(Siblings, HeldOfflineSinceBootStayDownWhenVmsEnd) {
  Scene scene;
  const FakeImage before = scene.host->image();
  scene.policy.siblings = SiblingRule::at_boot;
  ASSERT_TRUE(scene.keeper.hold_offline({5, 7}, scene.policy));
  EXPECT_EQ(scene.host->online(), (CpuSet{0, 1, 2, 3, 4, 6}));
  const auto answer = scene.keeper.acquire({scene.lease}, scene.policy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->online(), (CpuSet{0, 1, 2, 3, 4, 6}));
  ASSERT_TRUE(scene.keeper.hold_offline({}, scene.policy));
  EXPECT_EQ(scene.host->difference(before), "");
}

TEST(Siblings, HeldOfflineBesideARunningGuestAreToldOrRefusedAsTheHostFileSays) {
  Scene scene;
  scene.lease = lease_on(*scene.host, "a", 4, 4, 900);
  ASSERT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy));
  scene.policy.disturb = DisturbRule::refuse;
  const FakeImage before = scene.host->image();
  const auto refused = scene.keeper.hold_offline({5, 7}, scene.policy);
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.problems().size(), 1U) << "CPU 5 is offline already";
  EXPECT_NE(to_string(refused.problems()[0]).find("cpu7/online 1 -> 0 disturbs a"),
            std::string::npos);
  EXPECT_EQ(scene.host->difference(before), "");
  EXPECT_TRUE(scene.keeper.hold_offline({5}, scene.policy)) << "which needs no hotplug";
  scene.policy.disturb = DisturbRule::warn;
  const auto held = scene.keeper.hold_offline({5, 7}, scene.policy);
  ASSERT_TRUE(held);
  EXPECT_TRUE(has(held.problems(), "disturbs-running-guest"));
  EXPECT_FALSE(scene.host->online().has(CpuId(7)));
}

TEST(Boot, TakesAllItsLeasesInOneReconcile) {
  Scene scene;
  const FakeImage before = scene.host->image();
  const auto a = lease_on(*scene.host, "a", 4, 4, 900);
  const auto b = lease_on(*scene.host, "b", 6, 6, 901);
  scene.policy.disturb = DisturbRule::refuse;
  const auto answer = scene.keeper.acquire({a, b}, scene.policy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  const auto writes = std::count_if(
      scene.host->log.begin(), scene.host->log.end(),
      [](const std::string& what) { return what.find("default_smp_affinity") != what.npos; });
  EXPECT_EQ(writes, 1);
  ASSERT_TRUE(scene.keeper.release("b").left.empty());
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->difference(before), "");
}

TEST(Irqbalance, IsToldToKeepOffAndToldOtherwiseAtTheEnd) {
  Scene scene;
  scene.host->add_task(77, "irqbalance", CpuSet::range(0, 7));
  scene.host->files["/run/irqbalance/irqbalance77.sock"] = "0";
  const FakeImage before = scene.host->image();
  const auto answer = scene.keeper.acquire({scene.lease}, scene.policy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  EXPECT_EQ(scene.host->files["/run/irqbalance/irqbalance77.sock"], "f0");
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->difference(before), "");
}

TEST(Irqbalance, WithoutASocketIsReportedWithTheWayOut) {
  Scene scene;
  scene.host->add_task(77, "irqbalance", CpuSet::range(0, 7));
  const auto answer = scene.keeper.acquire({scene.lease}, scene.policy);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(has(answer->problems, "irqbalance-running"));
}

TEST(Libvirt, IsWarnedOfUnderItsNewNameTooAndRefusedWhereTheHostFileSaysSo) {
  Scene scene;
  scene.host->add_task(79, "virtqemud", CpuSet::range(0, 7));
  scene.policy.on_conflict["libvirtd"] = ConflictRule::refuse;
  scene.expect_refused("libvirtd-running");
  scene.policy.on_conflict["libvirtd"] = ConflictRule::warn;
  const auto answer = scene.keeper.acquire({scene.lease}, scene.policy);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(has(answer->problems, "libvirtd-running"));
}

TEST(Tuned, IsRefusedByDefaultAlsoAsAPythonProgram) {
  Scene scene;
  scene.host->add_task(78, "python3", CpuSet::range(0, 7));
  scene.host->files["/proc/78/cmdline"] = "/usr/bin/python3 -Es /usr/sbin/tuned -l -P";
  scene.expect_refused("tuned-running");
}

TEST(Lock, IsHeldAgainstASecondKeeperWithAMessage) {
  const RunDir run;
  const Fd held = lock_run_dir(run.path());
  try {
    (void)lock_run_dir(run.path(), 50);
    FAIL() << "locked twice";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.error_number(), ETIMEDOUT);
    EXPECT_NE(error.hint().find("another kvmrt command"), std::string::npos);
  }
}

TEST(Lock, LetsTwoLaunchersAtTheSameInstantBothHaveTheirCpus) {
  Scene scene;
  const FakeImage before = scene.host->image();
  const auto a = lease_on(*scene.host, "a", 4, 4, 900);
  const auto b = lease_on(*scene.host, "b", 6, 6, 901);
  // The fake is not for two threads, but the lock sees to it that only one is at work.
  const auto launch = [&scene](const Lease& lease) {
    Keeper keeper(scene.host, scene.run.path());
    EXPECT_TRUE(keeper.acquire({lease}, HostPolicy{}));
  };
  std::thread first(launch, a);
  std::thread second(launch, b);
  first.join();
  second.join();
  EXPECT_EQ(scene.keeper.leases().size(), 2U);
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  ASSERT_TRUE(scene.keeper.release("b").left.empty());
  EXPECT_EQ(scene.host->difference(before), "");
}

}  // namespace
}  // namespace kvmrt::partition
