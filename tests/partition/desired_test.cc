// SPDX-License-Identifier: MIT
// What leases want of a host, in cases that the life-cycle tests do not meet.
#include "partition/desired.h"

#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

struct Scene {
  explicit Scene(FakeShape shape = {}) : host(busy_host(shape)), keeper(host, run.path()) {
    lease = lease_on(*host, "a", 4, 6, 900);
  }
  Transition acquire() {
    before = host->image();
    auto answer = keeper.acquire({lease}, policy);
    EXPECT_TRUE(answer) << to_string(answer.problems().front());
    return answer ? answer.value() : Transition{};
  }
  void expect_exact_return() {
    EXPECT_TRUE(keeper.release("a").left.empty());
    EXPECT_EQ(host->difference(before), "");
  }
  std::string irq(int number) {
    return host->files.at("/proc/irq/" + std::to_string(number) + "/smp_affinity_list");
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  Keeper keeper;
  Lease lease;
  HostPolicy policy;
  FakeImage before;
};

TEST(Interest, OfAVmThatOwnsNoCpuAndNoDeviceIsInNoInterruptAndNoTask) {
  Lease plain;
  plain.vm = "plain";
  const Ledger nothing;
  EXPECT_FALSE(interest_of(nothing, {plain}).interrupts);
  EXPECT_FALSE(interest_of(nothing, {plain}).tasks);
  Lease owner = plain;
  owner.plan.owned_cpus = {4};
  EXPECT_TRUE(interest_of(nothing, {owner}).interrupts);
  Lease with_device = plain;
  with_device.request.pci = {"0000:03:00.0"};
  EXPECT_TRUE(interest_of(nothing, {with_device}).interrupts);
  Ledger held;
  held.knobs["/proc/irq/default_smp_affinity"] = {};
  EXPECT_TRUE(interest_of(held, {plain}).interrupts);  // to be given back
}

TEST(Interrupts, OfAVmsOwnDeviceGoToItsEmulatorCpu) {
  Scene scene;
  scene.host->files["/sys/bus/pci/devices/0000:03:00.0/msi_irqs/26"] = "msi";
  scene.lease.request.pci = {"0000:03:00.0"};
  scene.acquire();
  EXPECT_EQ(scene.irq(26), "4");
  scene.expect_exact_return();
}

TEST(Interrupts, GoWhereTheHostFileSaysByNumberNamePrefixInterfaceAndDevice) {
  Scene scene;
  scene.host->add_irq(40, "virtio3-input.0", "0-7");
  scene.host->files["/sys/class/net/eth1/device/../msi_irqs/40"] = "msi";
  scene.host->add_irq(41, "xhci_hcd", "0-7");
  scene.host->files["/sys/bus/pci/devices/0000:00:14.0/msi_irqs/41"] = "msi";
  scene.policy.irqs = {
      {"1", CpuSet{1}}, {"eth0", CpuSet{2}}, {"eth1", CpuSet{3}}, {"0000:00:14.0", CpuSet{0, 1}}};
  scene.acquire();
  EXPECT_EQ(scene.irq(1), "1");
  EXPECT_EQ(scene.irq(24), "2");
  EXPECT_EQ(scene.irq(40), "3");
  EXPECT_EQ(scene.irq(41), "0-1");
  scene.expect_exact_return();
}

TEST(BootIsolatedCpus, AreNeverWhereSomethingIsMovedTo) {
  Scene scene({.isolated = {2, 3}});
  scene.acquire();
  EXPECT_EQ(scene.irq(24), "0-1");
  EXPECT_EQ(scene.host->files["/proc/irq/default_smp_affinity"], "3");
  EXPECT_EQ(scene.host->all.at(301).cpus, (CpuSet{0, 1}));
  scene.expect_exact_return();
}

TEST(Power, KeepsATighterLimitAndTheOddGovernorOfASibling) {
  Scene scene;
  scene.host->files["/sys/devices/system/cpu/cpu6/power/pm_qos_resume_latency_us"] = "n/a";
  scene.acquire();
  EXPECT_EQ(scene.host->files["/sys/devices/system/cpu/cpu6/power/pm_qos_resume_latency_us"],
            "n/a");
  EXPECT_EQ(scene.host->files["/sys/devices/system/cpu/cpu6/cpufreq/scaling_governor"],
            "performance");
  scene.expect_exact_return();  // CPU 5 was "userspace" and is so again after hotplug
}

TEST(Throttling, IsTheFairServerOfOwnedCpusWhereThereIsOne) {
  Scene scene({.fair_server = true});
  scene.policy.throttling = Throttling::off;
  scene.acquire();
  EXPECT_EQ(scene.host->files["/sys/kernel/debug/sched/fair_server/cpu6/runtime"], "0");
  EXPECT_EQ(scene.host->files["/sys/kernel/debug/sched/fair_server/cpu0/runtime"], "50000000");
  EXPECT_EQ(scene.host->files["/proc/sys/kernel/sched_rt_runtime_us"], "950000");
  scene.expect_exact_return();
}

TEST(Throttling, IsTheGlobalLimitBefore) {
  Scene scene;
  scene.policy.throttling = Throttling::off;
  scene.acquire();
  EXPECT_EQ(scene.host->files["/proc/sys/kernel/sched_rt_runtime_us"], "-1");
  scene.expect_exact_return();
}

TEST(Siblings, StayOnlineWhereTheHostFileSaysLeave) {
  Scene scene;
  scene.policy.siblings = SiblingRule::leave;
  scene.acquire();
  EXPECT_EQ(scene.host->online(), CpuSet::range(0, 7));
  scene.expect_exact_return();
}

TEST(KthreadPriorities, AreLeftAloneOnAKernelThatIsNotRt) {
  Scene scene({.rt_kernel = false});
  scene.acquire();
  for (const auto& entry : scene.host->all)
    EXPECT_EQ(entry.second.scheduling, scene.before.all.at(entry.first).scheduling);
}

TEST(HugePages, AreAddedBeyondTheFreeOnesAndOnlyOursAreTakenBack) {
  Scene scene;
  const std::string pool = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/";
  scene.host->files[pool + "nr_hugepages"] = "10";
  scene.host->files[pool + "free_hugepages"] = "4";
  scene.lease.request.hugepages = mib(2);
  scene.lease.request.memory = mib(64);
  scene.lease.plan.numa_nodes = {1};
  scene.acquire();
  EXPECT_EQ(scene.host->files[pool + "nr_hugepages"], "38");
  scene.host->files[pool + "nr_hugepages"] = "40";  // the administrator wants two more
  EXPECT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->files[pool + "nr_hugepages"], "12");
}

const std::string kPool = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/";

/// 32 pages are wanted on node 1, which has 10, of them 4 free.
struct PagesScene : Scene {
  PagesScene() {
    host->files[kPool + "nr_hugepages"] = "10";
    host->files[kPool + "free_hugepages"] = "4";
    lease.request.hugepages = mib(2);
    lease.request.memory = mib(64);
    lease.plan.numa_nodes = {1};
    before = host->image();
  }
};

TEST(HugePages, ThatTheKernelDoesNotGiveAreAnErrorThatNamesNodeAndCounts) {
  PagesScene scene;
  scene.host->most_pages = 30;
  try {
    (void)scene.keeper.acquire({scene.lease}, scene.policy);
    FAIL() << "acquired";
  } catch (const SystemError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("reserve huge pages of 2048kB on node 1"), std::string::npos) << text;
    EXPECT_NE(text.find("wanted 38, reads 30"), std::string::npos) << text;
  }
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(HugePages, PromisedToAGuestThatHasNotTouchedThemYetAreNotFreeForTheNext) {
  PagesScene scene;
  scene.host->files[kPool + "free_hugepages"] = "10";
  auto other = lease_on(*scene.host, "b", 2, 2, 901);
  other.request.hugepages = mib(2);
  other.request.memory = mib(8);
  other.plan.numa_nodes = {1};
  ASSERT_TRUE(scene.keeper.acquire({other}, scene.policy));
  EXPECT_EQ(scene.host->files[kPool + "nr_hugepages"], "10");
  ASSERT_TRUE(scene.keeper.acquire({scene.lease}, scene.policy));
  EXPECT_EQ(scene.host->files[kPool + "nr_hugepages"], "36");
  ASSERT_TRUE(scene.keeper.release("b").left.empty());
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->files[kPool + "nr_hugepages"], "10");
}

TEST(Partition, IsNotMadeForAVmWhoseEmulatorLivesOnHousekeepingCpus) {
  Scene scene;
  scene.lease.plan.emulator_cpus = {0, 1};
  scene.lease.plan.threads[0].cpus = {0, 1};
  scene.acquire();
  EXPECT_EQ(scene.keeper.cgroup_of("a"), "");
  EXPECT_FALSE(scene.host->all.at(300).cpus.intersects({4, 6}));
  scene.expect_exact_return();
}

TEST(Preview, OfAnotherMachineShowsTheChangesOfItsCpus) {
  HostTopology topology;
  for (int cpu = 0; cpu < 8; ++cpu) {
    Cpu one;
    one.id = CpuId(cpu);
    one.siblings = {cpu, cpu ^ 1};
    topology.cpus.push_back(one);
  }
  FakeHost host;
  const auto lease = lease_on(host, "a", 4, 6, 900);
  const Transition preview = Keeper::preview_on(topology, {lease}, HostPolicy{});
  std::vector<std::string> knobs;
  for (const Change& change : preview.changes) knobs.push_back(change.knob);
  EXPECT_NE(std::find(knobs.begin(), knobs.end(), "/sys/devices/system/cpu/cpu5/online"),
            knobs.end());
  EXPECT_NE(std::find(knobs.begin(), knobs.end(), "/sys/fs/cgroup/kvmrt-a"), knobs.end());
}

}  // namespace
}  // namespace kvmrt::partition
