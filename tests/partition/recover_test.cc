// SPDX-License-Identifier: MIT
// The promise of the whole: whatever fails and whenever the keeper is killed, the host ends as it
// was. Each case is run for every effect there is.
#include <algorithm>
#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

const HostPolicy kPolicy;

struct Scene {
  explicit Scene(FakeShape shape) : host(busy_host(shape)) {
    leases = {lease_on(*host, "a", 4, 4, 900), lease_on(*host, "b", 6, 6, 901)};
    leases[0].plan.threads[1].cpus = {4};
    before = host->image();
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  std::vector<Lease> leases;
  FakeImage before;
};

/// Acquire a, acquire b, release in the given order; every act through a keeper of its own, as in
/// life. What throws is undone by itself; the rest goes on. Answers the number of effects before
/// the first release.
int live(Scene& scene, bool first_in_first_out) {
  const auto attempt = [&scene](const auto& act) {
    Keeper keeper(scene.host, scene.run.path());
    try {
      act(keeper);
    } catch (const SystemError&) {
    }
  };
  attempt([&](Keeper& keeper) { (void)keeper.acquire({scene.leases[0]}, kPolicy); });
  attempt([&](Keeper& keeper) { (void)keeper.acquire({scene.leases[1]}, kPolicy); });
  const int acquired = scene.host->effects;
  attempt([&](Keeper& keeper) { keeper.release(first_in_first_out ? "a" : "b"); });
  attempt([&](Keeper& keeper) { keeper.release(first_in_first_out ? "b" : "a"); });
  return acquired;
}

struct Effects {
  int acquired;
  int all;
};

Effects effects_of(FakeShape shape, bool order) {
  Scene scene(shape);
  const int acquired = live(scene, order);
  EXPECT_EQ(scene.host->difference(scene.before), "");
  EXPECT_FALSE(scene.run.has_ledger());
  return {acquired, scene.host->effects};
}

enum class Kernel { without_cpusets, forgets_masks, keeps_masks };

FakeShape shape_of(Kernel kernel) {
  FakeShape shape;
  shape.partitions = kernel != Kernel::without_cpusets;
  shape.clobbers_user = kernel != Kernel::keeps_masks;
  return shape;
}

class Everywhere : public testing::TestWithParam<std::tuple<Kernel, bool>> {
 protected:
  static FakeShape shape() { return shape_of(std::get<0>(GetParam())); }
  static bool order() { return std::get<1>(GetParam()); }
};

TEST_P(Everywhere, AFailingEffectLeavesTheHostAsItWas) {
  const int count = effects_of(shape(), order()).all;
  ASSERT_GT(count, 40);
  for (int i = 0; i < count; ++i) {
    Scene scene(shape());
    scene.host->fail_at = i;
    live(scene, order());
    kill_supervisors(*scene.host, {900, 901});
    Keeper(scene.host, scene.run.path()).recover();
    ASSERT_EQ(scene.host->difference(scene.before), "")
        << "effect " << i << ": " << scene.host->log.at(static_cast<std::size_t>(i));
    ASSERT_FALSE(scene.run.has_ledger()) << "effect " << i;
  }
}

TEST_P(Everywhere, AKeeperKilledAtAnyEffectIsRecoveredFrom) {
  const Effects effects = effects_of(shape(), order());
  // Until the first release both orders are the same.
  for (int i = order() ? effects.acquired : 0; i < effects.all; ++i) {
    Scene scene(shape());
    scene.host->die_at = i;
    EXPECT_THROW(live(scene, order()), KillPoint);
    kill_supervisors(*scene.host, {900, 901});
    const Released released = Keeper(scene.host, scene.run.path()).recover();
    ASSERT_TRUE(released.left.empty()) << i;
    ASSERT_EQ(scene.host->difference(scene.before), "") << "effect " << i;
    ASSERT_FALSE(scene.run.has_ledger()) << "effect " << i;
  }
}

class OnEveryKernel : public testing::TestWithParam<Kernel> {};

TEST_P(OnEveryKernel, ARecoverKilledAtAnyEffectIsRecoveredFrom) {
  for (int i = 0; i < 200; ++i) {
    Scene scene(shape_of(GetParam()));
    Keeper(scene.host, scene.run.path()).acquire(scene.leases, kPolicy);
    kill_supervisors(*scene.host, {900, 901});
    scene.host->effects = 0;
    scene.host->die_at = i;
    try {
      Keeper(scene.host, scene.run.path()).recover();
    } catch (const KillPoint&) {
    }
    const bool whole = scene.host->effects <= i;
    Keeper(scene.host, scene.run.path()).recover();
    ASSERT_EQ(scene.host->difference(scene.before), "") << "effect " << i;
    if (whole) return;
  }
  FAIL() << "recover takes more than 200 effects";
}

TEST_P(OnEveryKernel, ThreeVmsThatStartAndEndInAnyOrderLeaveTheHostAsItWas) {
  // Each appears twice: where it starts and where it ends. They differ by their CPUs only, so one
  // of them is the first.
  std::vector<int> order{0, 0, 1, 1, 2, 2};
  do {
    Scene scene(shape_of(GetParam()));
    scene.leases = {lease_on(*scene.host, "a", 2, 2, 900), lease_on(*scene.host, "b", 4, 4, 901),
                    lease_on(*scene.host, "c", 6, 6, 902)};
    scene.before = scene.host->image();
    std::set<int> running;
    for (const int vm : order) {
      Keeper keeper(scene.host, scene.run.path());
      const Lease& lease = scene.leases[static_cast<std::size_t>(vm)];
      if (running.insert(vm).second)
        ASSERT_TRUE(keeper.acquire({lease}, kPolicy));
      else
        ASSERT_TRUE(keeper.release(lease.vm).left.empty());
    }
    ASSERT_EQ(scene.host->difference(scene.before), "") << testing::PrintToString(order);
    ASSERT_FALSE(scene.run.has_ledger());
  } while (std::next_permutation(order.begin(), order.end()) && order.front() == 0);
}

const auto kKernels =
    testing::Values(Kernel::without_cpusets, Kernel::forgets_masks, Kernel::keeps_masks);
INSTANTIATE_TEST_SUITE_P(Kernels, OnEveryKernel, kKernels);
INSTANTIATE_TEST_SUITE_P(Kernels, Everywhere, testing::Combine(kKernels, testing::Bool()));

TEST(Recover, LeavesAKeptGuestAloneUntilItEnds) {
  Scene scene({});
  Keeper keeper(scene.host, scene.run.path());
  ASSERT_TRUE(keeper.acquire({scene.leases[0]}, kPolicy));
  const Task qemu = scene.host->add_task(950, "qemu", {4}, 900);
  keeper.mark_qemu("a", {qemu.process, qemu.start_time});
  keeper.mark_started("a");
  const FakeImage running = scene.host->image();
  kill_supervisors(*scene.host, {900});
  EXPECT_TRUE(keeper.recover().changes.empty());
  EXPECT_EQ(scene.host->difference(running), "");
  ASSERT_EQ(keeper.leases().size(), 1U);
  scene.host->all.erase(950);
  EXPECT_TRUE(keeper.recover().left.empty());
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(Recover, KillsAQemuThatWasNeverMarkedStarted) {
  Scene scene({});
  Keeper keeper(scene.host, scene.run.path());
  ASSERT_TRUE(keeper.acquire({scene.leases[0]}, kPolicy));
  const Task qemu = scene.host->add_task(950, "qemu", {4}, 900);
  keeper.mark_qemu("a", {qemu.process, qemu.start_time});
  kill_supervisors(*scene.host, {900});
  keeper.recover();
  EXPECT_TRUE(scene.host->killed.contains(950));
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(Recover, KillsATpmThatHasLostItsQemuAndNoOther) {
  Scene scene({});
  Keeper keeper(scene.host, scene.run.path());
  ASSERT_TRUE(keeper.acquire({scene.leases[0]}, kPolicy));
  const Task tpm = scene.host->add_task(949, "swtpm", {0}, 900);
  const Task qemu = scene.host->add_task(950, "qemu", {4}, 900);
  keeper.mark_tpm("a", {tpm.process, tpm.start_time});
  keeper.mark_qemu("a", {qemu.process, qemu.start_time});
  keeper.mark_started("a");
  kill_supervisors(*scene.host, {900});
  keeper.recover();
  EXPECT_TRUE(scene.host->killed.empty());
  scene.host->all.erase(950);
  keeper.recover();
  EXPECT_TRUE(scene.host->killed.contains(949));
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(Recover, DoesNotKillWhoeverHasThePidOfADeadQemuNow) {
  Scene scene({});
  Keeper keeper(scene.host, scene.run.path());
  ASSERT_TRUE(keeper.acquire({scene.leases[0]}, kPolicy));
  scene.host->add_task(950, "someone", {0});
  keeper.mark_qemu("a", {Pid(950), 1});
  kill_supervisors(*scene.host, {900});
  keeper.recover();
  EXPECT_TRUE(scene.host->killed.empty());
}

TEST(Recover, RunsByItselfBeforeANewLeaseIsTaken) {
  Scene scene({});
  ASSERT_TRUE(Keeper(scene.host, scene.run.path()).acquire({scene.leases[0]}, kPolicy));
  kill_supervisors(*scene.host, {900});
  auto again = lease_on(*scene.host, "c", 4, 4, 902);
  const auto done = Keeper(scene.host, scene.run.path()).acquire({again}, kPolicy);
  ASSERT_TRUE(done) << to_string(done.problems().front());
  ASSERT_EQ(Keeper(scene.host, scene.run.path()).leases().size(), 1U);
  EXPECT_TRUE(Keeper(scene.host, scene.run.path()).release("c").left.empty());
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(Recover, ASecondRunDoesNothing) {
  Scene scene({});
  ASSERT_TRUE(Keeper(scene.host, scene.run.path()).acquire({scene.leases[0]}, kPolicy));
  kill_supervisors(*scene.host, {900});
  Keeper(scene.host, scene.run.path()).recover();
  const int effects = scene.host->effects;
  EXPECT_TRUE(Keeper(scene.host, scene.run.path()).recover().changes.empty());
  EXPECT_EQ(scene.host->effects, effects);
}

TEST(Recover, AfterARebootForgetsTheLedger) {
  Scene scene({});
  ASSERT_TRUE(Keeper(scene.host, scene.run.path()).acquire({scene.leases[0]}, kPolicy));
  auto rebooted = busy_host();
  rebooted->files["/proc/sys/kernel/random/boot_id"] = "boot-2\n";
  const FakeImage before = rebooted->image();
  Keeper keeper(rebooted, scene.run.path());
  EXPECT_TRUE(keeper.leases().empty());
  keeper.recover();
  EXPECT_EQ(rebooted->difference(before), "");
}

}  // namespace
}  // namespace kvmrt::partition
