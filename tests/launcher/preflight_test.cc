// SPDX-License-Identifier: MIT
#include "launcher/preflight.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using partition::Policy;
using partition::Scheduling;
using partition::ThreadClass;
using partition::VmPlan;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Scheduling kFifo{Policy::fifo, 1};

Rights rights_with(Capabilities capabilities, rlim_t memlock = 8192 * 1024) {
  Rights rights;
  rights.euid = 0;
  rights.capabilities = {capabilities, capabilities, Capabilities::from_bits(~0ULL), {}};
  rights.memlock_soft = rights.memlock_hard = memlock;
  return rights;
}

TEST(MemlockWay, IsNoneWhereNothingIsLocked) {
  EXPECT_EQ(*memlock_way(false, rights_with({}), false), MemlockWay::not_needed);
}

TEST(MemlockWay, PrefersALimitThatIsUnlimitedAlready) {
  const auto rights = rights_with(Capabilities::of(CAP_SYS_RESOURCE), RLIM_INFINITY);
  EXPECT_EQ(*memlock_way(true, rights, true), MemlockWay::limit_is_unlimited);
}

TEST(MemlockWay, RaisesTheLimitWhereItMay) {
  const auto both = Capabilities::of(CAP_SYS_RESOURCE).with(CAP_IPC_LOCK);
  EXPECT_EQ(*memlock_way(true, rights_with(both), true), MemlockWay::raise_limit);
  Rights soft_only = rights_with({}, RLIM_INFINITY);
  soft_only.memlock_soft = 0;
  EXPECT_EQ(*memlock_way(true, soft_only, false), MemlockWay::raise_limit);
}

TEST(MemlockWay, KeepsTheCapabilityWhereTheLimitCannotBeRaised) {
  const auto rights = rights_with(Capabilities::of(CAP_IPC_LOCK));
  EXPECT_EQ(*memlock_way(true, rights, false), MemlockWay::keep_capability);
  EXPECT_EQ(*memlock_way(true, rights, true), MemlockWay::keep_capability);
}

TEST(MemlockWay, NamesTheMissingRightAndTheWayOut) {
  const auto way = memlock_way(true, rights_with(Capabilities::of(CAP_SYS_NICE)), false);
  ASSERT_FALSE(way.ok());
  const Problem& problem = way.problems().front();
  EXPECT_EQ(problem.code, "memory-lock-not-allowed");
  EXPECT_EQ(problem.key, "rt_memory");
  EXPECT_THAT(problem.message, AllOf(HasSubstr("CAP_SYS_RESOURCE"), HasSubstr("CAP_IPC_LOCK"),
                                     HasSubstr("8192 KiB")));
  EXPECT_THAT(problem.hint, AllOf(HasSubstr("LimitMEMLOCK=infinity"),
                                  HasSubstr("AmbientCapabilities=CAP_IPC_LOCK")));
}

TEST(MemlockWay, DoesNotCountOnACapabilityOutsideTheBoundingSet) {
  Rights rights = rights_with(Capabilities::of(CAP_IPC_LOCK));
  rights.capabilities.bounding = {};
  EXPECT_FALSE(memlock_way(true, rights, false).ok());
}

TEST(RealTime, IsNoProblemWhereTheTrialWentWell) {
  EXPECT_THAT(real_time_problems(kFifo, rights_with({})), IsEmpty());
}

TEST(RealTime, RefusedNamesCapabilityAndLimit) {
  Rights rights = rights_with({});
  rights.real_time_errno = EPERM;
  const auto problems = real_time_problems(kFifo, rights);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].message, AllOf(HasSubstr("CAP_SYS_NICE"), HasSubstr("RLIMIT_RTPRIO")));
  EXPECT_THAT(problems[0].hint, HasSubstr("LimitRTPRIO"));
}

TEST(RealTime, RefusedInACgroupWithoutRunTimeNamesTheCgroup) {
  Rights rights = rights_with(Capabilities::of(CAP_SYS_NICE));
  rights.real_time_errno = EPERM;
  rights.rt_group_sched = true;
  rights.cpu_cgroup = "/sys/fs/cgroup/cpu/box";
  const auto problems = real_time_problems(kFifo, rights);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].hint, HasSubstr("/sys/fs/cgroup/cpu/box/cpu.rt_runtime_us"));
}

TEST(RealTime, IsTriedOnAThreadThatLeavesTheCallerAsItWas) {
  const int before = ::sched_getscheduler(0);
  const Rights rights = probe_rights(kFifo);
  EXPECT_EQ(::sched_getscheduler(0), before);
  if (rights.capabilities.effective.has(CAP_SYS_NICE) && !rights.rt_group_sched) {
    EXPECT_EQ(rights.real_time_errno, 0);
  }
}

std::vector<std::string> codes_of(const Problems& problems) {
  std::vector<std::string> codes;
  for (const Problem& problem : problems)
    codes.push_back((problem.severity == Severity::error ? "error " : "warning ") + problem.code);
  return codes;
}

const MemorySupply kTwoNodes{
    gib(6), {{NodeId(0), {gib(4), {{mib(2), gib(1)}}}}, {NodeId(1), {gib(2), {{mib(2), gib(3)}}}}}};

TEST(Memory, ThatIsLockedMustBeThere) {
  MemoryDemand demand{gib(7), {}, {}, true};
  EXPECT_THAT(codes_of(memory_problems(demand, kTwoNodes)), ElementsAre("error not-enough-memory"));
  demand.guest = gib(5);
  EXPECT_THAT(memory_problems(demand, kTwoNodes), IsEmpty());
}

TEST(Memory, ThatIsNotLockedOnlyWarns) {
  EXPECT_THAT(codes_of(memory_problems({gib(7), {}, {}, false}, kTwoNodes)),
              ElementsAre("warning not-enough-memory"));
}

TEST(Memory, BoundToANodeMustBeFreeThere) {
  EXPECT_THAT(codes_of(memory_problems({gib(3), {}, {1}, true}, kTwoNodes)),
              ElementsAre("error not-enough-memory"));
  EXPECT_THAT(memory_problems({gib(3), {}, {0}, true}, kTwoNodes), IsEmpty());
}

TEST(Memory, CountsTheRestOfQemuWhenLocked) {
  const MemorySupply just_the_guest{gib(1), {}};
  const auto problems = memory_problems({gib(1), {}, {}, true}, just_the_guest);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].key, "memory.size");
  EXPECT_THAT(problems[0].message, HasSubstr("1344 MiB are needed"));
}

TEST(Hugepages, MustBeFreeOnTheNodesOrHaveMemoryThere) {
  MemoryDemand demand{gib(5), mib(2), {0}, true};
  const auto problems = memory_problems(demand, kTwoNodes);
  EXPECT_THAT(codes_of(problems), ElementsAre("error not-enough-hugepages"));
  EXPECT_EQ(problems[0].message,
            "2560 pages of 2MiB are needed on node 0, 512 are free and there is memory for 1888 "
            "more");
  demand.guest = gib(4);
  EXPECT_THAT(memory_problems(demand, kTwoNodes), IsEmpty());
  demand.nodes = {1};
  EXPECT_THAT(memory_problems(demand, kTwoNodes), IsEmpty());
}

TEST(Hugepages, OfASizeThatTheHostHasNotAreNone) {
  EXPECT_THAT(codes_of(memory_problems({gib(1), gib(1), {}, true}, kTwoNodes)),
              ElementsAre("error not-enough-hugepages"));
}

TEST(ProbeMemory, ReadsHostNodesAndPools) {
  const test::TemporaryFolder root;
  root.write("/proc/meminfo", "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n");
  const std::string node = "/sys/devices/system/node/";
  root.write(node + "has_memory", "0\n");
  root.write(node + "node0/meminfo",
             "Node 0 MemFree:   100 kB\nNode 0 Active(file):  10 kB\nNode 0 Inactive(file): 5 kB\n"
             "Node 0 SReclaimable:  1 kB\n");
  root.write(node + "node0/hugepages/hugepages-2048kB/free_hugepages", "3\n");
  const MemorySupply supply = probe_memory(root.path());
  EXPECT_EQ(supply.available, mib(2));
  EXPECT_EQ(supply.nodes.at(NodeId(0)).available, kib(116));
  EXPECT_EQ(supply.nodes.at(NodeId(0)).huge.at(mib(2)), mib(6));
}

TEST(ProbeMemory, FindsMemoryOnThisHost) { EXPECT_GT(probe_memory().available, mib(1)); }

PreflightFacts good_facts() {
  PreflightFacts facts{rights_with(Capabilities::of(CAP_SYS_RESOURCE).with(CAP_SYS_NICE)),
                       {gib(8), {}},
                       "/usr/bin/qemu-system-x86_64",
                       std::optional<Credentials>(),
                       {}};
  return facts;
}

profiles::Profile real_time_profile() {
  profiles::Profile profile;
  profile.name = "line3";
  profile.rt = profile.rt_memory = true;
  profile.place = {"line3.yaml", 1, 1};
  profile.places["rt_memory"] = {"line3.yaml", 7, 12};
  return profile;
}

VmPlan real_time_plan() {
  VmPlan plan;
  plan.threads = {{ThreadClass::emulator, {}, "emulator", {0}, {}},
                  {ThreadClass::vcpu, 0, "vcpu0", {1}, kFifo}};
  return plan;
}

TEST(Preflight, PermitsWithTheConfinementThatTheRightsAllow) {
  const auto permit = preflight(real_time_profile(), real_time_plan(), true, good_facts());
  ASSERT_TRUE(permit.ok());
  EXPECT_EQ(permit->memlock, MemlockWay::raise_limit);
  EXPECT_EQ(permit->binary, "/usr/bin/qemu-system-x86_64");
  EXPECT_THAT(permit->confinement.limits, ::testing::Contains(unlimited(RLIMIT_MEMLOCK)));
}

TEST(Preflight, GivesQemuTheLimitThatAllowsRealTimeWhereNoCapabilityDoes) {
  PreflightFacts facts = good_facts();
  facts.rights.capabilities.effective = Capabilities::of(CAP_SYS_RESOURCE);
  facts.rights.rtprio_hard = 9;
  const auto permit = preflight(real_time_profile(), real_time_plan(), true, facts);
  ASSERT_TRUE(permit.ok());
  EXPECT_THAT(permit->confinement.limits, ::testing::Contains(Limit{RLIMIT_RTPRIO, 9, 9}));
}

TEST(Preflight, NamesAllThatIsWrongAtOnceWithVmAndPlace) {
  PreflightFacts facts = good_facts();
  facts.rights.capabilities = {};
  facts.rights.real_time_errno = EPERM;
  facts.memory.available = mib(64);
  facts.binary = "";
  facts.user = credentials_of("no-such-user-here").problems();
  facts.files = {{{"boot.kernel", "/x/vmlinuz", false, true, ""}, EACCES, false, false, ""}};
  const auto permit = preflight(real_time_profile(), real_time_plan(), true, facts);
  ASSERT_FALSE(permit.ok());
  EXPECT_THAT(codes_of(permit.problems()),
              ElementsAre("error qemu-not-found", "error unknown-user",
                          "error memory-lock-not-allowed", "error real-time-not-allowed",
                          "error not-enough-memory", "error file-not-usable"));
  for (const Problem& problem : permit.problems()) EXPECT_EQ(problem.vm, "line3");
  EXPECT_EQ(permit.problems()[2].place.line, 7);
}

TEST(Preflight, OfThisHostFindsTheProgramInPath) {
  QemuInvocation invocation;
  invocation.argv = {"sh"};
  const auto facts = probe_preflight(profiles::Profile(), VmPlan(), invocation, false);
  EXPECT_THAT(facts.binary, ::testing::StartsWith("/"));
  invocation.argv = {"no-such-program-here"};
  EXPECT_EQ(probe_preflight(profiles::Profile(), VmPlan(), invocation, false).binary, "");
}

}  // namespace
}  // namespace kvmrt::launcher
