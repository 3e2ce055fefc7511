// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

const HostPolicy kPolicy;

std::string file(const FakeHost& host, const std::string& path) {
  const auto at = host.files.find(path);
  return at == host.files.end() ? "(absent)" : at->second;
}

TEST(Acquire, TakesCpusAwayFromTasksInterruptsAndWorkqueues) {
  const RunDir run;
  auto host = busy_host();
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy);
  ASSERT_TRUE(done) << to_string(done.problems().front());
  EXPECT_EQ(host->online(), (CpuSet{0, 1, 2, 3, 4, 6}));
  EXPECT_EQ(file(*host, "/proc/irq/24/smp_affinity_list"), "0-3");
  EXPECT_EQ(file(*host, "/proc/irq/25/smp_affinity_list"), "0-3");
  EXPECT_EQ(file(*host, "/proc/irq/26/smp_affinity_list"), "0,2");
  EXPECT_EQ(file(*host, "/proc/irq/default_smp_affinity"), "f");
  EXPECT_EQ(file(*host, "/sys/devices/virtual/workqueue/cpumask"), "f");
  EXPECT_EQ(file(*host, "/sys/fs/cgroup/kvmrt-a/cpuset.cpus.partition"), "isolated");
  EXPECT_EQ(file(*host, "/sys/devices/system/cpu/cpu6/power/pm_qos_resume_latency_us"), "2");
  EXPECT_EQ(host->all.at(300).cpus & host->online(), CpuSet::range(0, 3));
  EXPECT_EQ(host->all.at(301).cpus & host->online(), CpuSet::range(0, 3));
  EXPECT_EQ(host->all.at(302).cpus, CpuSet{3});
  EXPECT_EQ(host->all.at(303).cpus, CpuSet{0}) << "pinned by its user, untouched by us";
}

TEST(Acquire, RaisesKernelThreadsOfOwnedCpusAboveTheVcpus) {
  const RunDir run;
  auto host = busy_host();
  Keeper keeper(host, run.path());
  auto lease = lease_on(*host, "a", 4, 6, 900);
  lease.plan.threads[1].scheduling.priority = 10;
  ASSERT_TRUE(keeper.acquire({lease}, kPolicy));
  const auto policy_of = [&host](const std::string& comm) {
    for (const auto& entry : host->all) {
      if (entry.second.comm == comm) return to_text(entry.second.scheduling);
    }
    return std::string("(absent)");
  };
  EXPECT_EQ(policy_of("rcuc/6"), "fifo:13");
  EXPECT_EQ(policy_of("kworker/6:1H"), "fifo:11");
  EXPECT_EQ(policy_of("rcuc/4"), "fifo:4");
  EXPECT_EQ(policy_of("rcuc/0"), "fifo:1");
  EXPECT_EQ(policy_of("migration/6"), "fifo:99");
}

TEST(Acquire, ReportsAnInterruptThatTheKernelManages) {
  const RunDir run;
  auto host = busy_host();
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy);
  ASSERT_TRUE(done);
  ASSERT_EQ(done->problems.size(), 1U);
  EXPECT_EQ(done->problems[0].code, "irq-managed");
  EXPECT_EQ(done.problems().size(), 1U) << "what the launcher prints";
  EXPECT_EQ(file(*host, "/proc/irq/27/smp_affinity_list"), "4");
}

TEST(Acquire, KnowsAManagedInterruptByEachOfTheErrorsThatItGives) {
  for (const int error : {EIO, EPERM, EACCES}) {
    const RunDir run;
    auto host = busy_host();
    host->managed_error = error;
    Keeper keeper(host, run.path());
    const auto done = keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy);
    ASSERT_TRUE(done) << error;
    EXPECT_EQ(done->problems.at(0).code, "irq-managed");
    EXPECT_TRUE(keeper.release("a").left.empty()) << error;
  }
}

TEST(Acquire, WithoutTheCpusetControllerMovesTasksAndKthreadd) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  EXPECT_EQ(keeper.cgroup_of("a"), "");
  EXPECT_EQ(host->all.at(2).cpus, CpuSet::range(0, 3));
  EXPECT_EQ(host->all.at(20).cpus, CpuSet::range(0, 3));
}

TEST(Acquire, OfAnInvalidPartitionIsUndoneWithTheKernelsReason) {
  const RunDir run;
  auto host = busy_host();
  host->invalid_reason = "Cpu list in cpuset.cpus not exclusive";
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  try {
    (void)keeper.acquire({lease}, kPolicy);
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find("Cpu list in cpuset.cpus not exclusive"),
              std::string::npos);
  }
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

TEST(Release, GivesEverythingBackOnEveryKernel) {
  for (const bool partitions : {true, false}) {
    for (const bool clobbers : {true, false}) {
      const RunDir run;
      auto host = busy_host({.partitions = partitions, .clobbers_user = clobbers});
      const auto lease = lease_on(*host, "a", 4, 6, 900);
      const FakeImage before = host->image();
      Keeper keeper(host, run.path());
      ASSERT_TRUE(keeper.acquire({lease}, kPolicy));
      EXPECT_NE(host->difference(before), "");
      const Released released = keeper.release("a");
      EXPECT_TRUE(released.left.empty());
      EXPECT_EQ(host->difference(before), "") << partitions << clobbers;
      EXPECT_FALSE(run.has_ledger());
    }
  }
}

TEST(Release, OfTheFirstOfTwoLeavesSiblingsDownUntilTheLast) {
  const RunDir run;
  auto host = busy_host();
  const auto a = lease_on(*host, "a", 4, 5 ^ 1, 900);
  auto one = lease_on(*host, "a", 4, 4, 900);
  auto two = lease_on(*host, "b", 6, 6, 901);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({one}, kPolicy));
  ASSERT_TRUE(keeper.acquire({two}, kPolicy));
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->online(), (CpuSet{0, 1, 2, 3, 4, 6})) << "hotplug would disturb b";
  EXPECT_EQ(keeper.taken_offline(), (CpuSet{5, 7}));
  EXPECT_EQ(file(*host, "/proc/irq/24/smp_affinity_list"), "4");
  ASSERT_TRUE(keeper.release("b").left.empty());
  EXPECT_EQ(host->difference(before), "");
}

TEST(Release, GivesATaskBornMeanwhileItsAncestorsMask) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  host->add_task(400, "child", host->all.at(300).cpus, 300);
  host->add_task(401, "pinned-child", {0}, 300);
  host->add_kthread(402, "new-kthread", host->all.at(2).cpus, true);
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->all.at(400).cpus, CpuSet::range(0, 7));
  EXPECT_EQ(host->all.at(401).cpus, CpuSet{0});
  EXPECT_EQ(host->all.at(402).cpus, CpuSet::range(0, 7));
}

TEST(Release, LeavesAloneWhatSomeoneElseChangedMeanwhileAndSaysSo) {
  const RunDir run;
  auto host = busy_host();
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  host->files["/proc/irq/26/smp_affinity_list"] = "1";
  host->files["/proc/irq/24/smp_affinity_list"] = "2";
  host->all.at(300).cpus = {1};
  const int ksoftirqd = 37;
  ASSERT_EQ(host->all.at(ksoftirqd).comm, "ksoftirqd/4");
  host->all.at(ksoftirqd).scheduling = {Policy::fifo, 9};
  const Released released = keeper.release("a");
  EXPECT_EQ(file(*host, "/proc/irq/24/smp_affinity_list"), "2");
  EXPECT_EQ(file(*host, "/proc/irq/26/smp_affinity_list"), "1");
  EXPECT_EQ(host->all.at(300).cpus, CpuSet{1});
  EXPECT_EQ(to_text(host->all.at(ksoftirqd).scheduling), "fifo:9");
  ASSERT_EQ(released.problems.size(), 3U);
  EXPECT_EQ(released.problems[0].code, "knob-edited");
  EXPECT_EQ(released.problems[1].code, "task-mask-edited");
  EXPECT_EQ(released.problems[2].code, "task-policy-edited");
}

struct CountingHost : FakeHost {
  using FakeHost::FakeHost;
  int looks = 0;
  std::vector<Task> tasks() override {
    ++looks;
    return FakeHost::tasks();
  }
};

TEST(Acquire, OfNoCpuLooksAtNobodysTasks) {
  const RunDir run;
  auto host = std::make_shared<CountingHost>(FakeShape{});
  auto lease = lease_on(*host, "a", 4, 6, 900);
  lease.plan.owned_cpus = lease.plan.offline_cpus = {};
  lease.plan.rt = false;
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease}, kPolicy));
  EXPECT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->looks, 0);
}

TEST(Release, OfAnUnknownVmDoesNothing) {
  const RunDir run;
  auto host = busy_host();
  Keeper keeper(host, run.path());
  EXPECT_TRUE(keeper.release("nobody").changes.empty());
}

TEST(Drift, NamesATaskThatCreptOntoAnOwnedCpuAndRepairMovesIt) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  for (const Problem& problem : keeper.drift().problems) ADD_FAILURE() << to_string(problem);
  host->all.at(300).cpus = {6};
  const int worker = 700;
  host->add_kthread(worker, "kworker/6:7", {6}, false);
  const Transition drift = keeper.drift();
  ASSERT_EQ(drift.changes.size(), 2U);
  EXPECT_EQ(drift.changes[0].knob, "task:300:affinity");
  EXPECT_EQ(drift.changes[1].knob, "task:700:policy");
  keeper.repair();
  EXPECT_EQ(host->all.at(300).cpus, CpuSet::range(0, 3));
  EXPECT_EQ(to_text(host->all.at(worker).scheduling), "fifo:2");
  for (const Problem& problem : keeper.drift().problems) ADD_FAILURE() << to_string(problem);
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(to_text(host->all.at(worker).scheduling), "other");
}

TEST(Drift, LeavesTheGuestsOwnThreadsAlone) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  const Task qemu = host->add_task(950, "qemu", {4}, 900);
  EXPECT_TRUE(keeper.drift().changes.empty()) << "spawned and not yet marked";
  keeper.mark_qemu("a", {qemu.process, qemu.start_time});
  host->all.at(950).parent = Pid(1);
  host->add_task(951, "CPU 0/TCG", {6}, 900).process = Pid(950);
  host->add_kthread(952, "kvm-pit/950", {4}, true);
  EXPECT_TRUE(keeper.drift().changes.empty());
}

TEST(Service, KeepsItsCpusToItselfAndRunsAboveTheVcpus) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  host->add_task(800, "ovs-vswitchd", CpuSet::range(0, 7));
  Task& poller = host->add_task(801, "pmd-c02", {2});
  poller.process = Pid(800);
  host->files["/sys/fs/cgroup/systemd/system.slice/ovs.service/cgroup.procs"] = "800\n";
  HostPolicy policy;
  policy.services = {{"ovs.service", CpuSet{2}, 5}};
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease}, policy));
  EXPECT_EQ(host->all.at(801).cpus, CpuSet{2});
  EXPECT_EQ(to_text(host->all.at(801).scheduling), "fifo:5");
  EXPECT_EQ(to_text(host->all.at(800).scheduling), "other");
  EXPECT_EQ(host->all.at(300).cpus & host->online(), (CpuSet{0, 1, 3}));
  EXPECT_TRUE(keeper.drift().changes.empty());
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->difference(before), "");
}

TEST(Acquire, IsNotHeldUpByKworkersThatAreBornWithEveryLook) {
  const RunDir run;
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  int next = 5000;
  host->on_effect = [&](const std::string& what) {
    if (what.starts_with("policy")) host->add_kthread(next++, "kworker/6:9", {6}, false);
  };
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({lease}, kPolicy);
  ASSERT_TRUE(done) << to_string(done.problems().front());
  host->on_effect = nullptr;
  keeper.repair();
  EXPECT_TRUE(keeper.drift().changes.empty());
}

TEST(Preview, ShowsWhatAcquireDoesAndTouchesNothing) {
  const RunDir run;
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  const FakeImage before = host->image();
  Keeper keeper(host, run.path());
  const Transition preview = keeper.preview({lease}, kPolicy);
  EXPECT_EQ(host->effects, 0);
  EXPECT_EQ(host->difference(before), "");
  const auto offline = std::find_if(preview.changes.begin(), preview.changes.end(), [](auto& c) {
    return c.knob == "/sys/devices/system/cpu/cpu5/online";
  });
  ASSERT_NE(offline, preview.changes.end());
  EXPECT_EQ(offline->before, "1");
  EXPECT_EQ(offline->after, "0");
  EXPECT_TRUE(offline->disturbs);
  const auto done = keeper.acquire({lease}, kPolicy);
  ASSERT_TRUE(done);
  for (const Change& change : preview.changes) {
    if (change.knob == "/proc/irq/27/smp_affinity_list") continue;  // managed: known by trying
    if (change.knob.starts_with("task:")) continue;                 // the partition does those
    EXPECT_NE(std::find(done->changes.begin(), done->changes.end(), change), done->changes.end())
        << change.knob;
  }
}

}  // namespace
}  // namespace kvmrt::partition
