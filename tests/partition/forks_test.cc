// SPDX-License-Identifier: MIT
// Tasks that fork while their parents' masks change.
#include <functional>
#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

const HostPolicy kPolicy;
const CpuSet kAll = CpuSet::range(0, 7);
const CpuSet kLeft = CpuSet::range(0, 3);

/// A host whose kernel counts forks.
struct LiveHost : FakeHost {
  using FakeHost::FakeHost;
  std::function<void()> on_count;
  std::optional<std::string> read(const std::string& path) override {
    if (path != "/proc/stat") return FakeHost::read(path);
    if (on_count) on_count();
    return "cpu 1 2 3\nprocesses " + std::to_string(all.size()) + "\n";
  }
};

std::shared_ptr<LiveHost> live_host(FakeShape shape) {
  auto host = std::make_shared<LiveHost>(shape);
  const auto busy = busy_host(shape);
  host->files = busy->files;
  host->all = busy->all;
  host->managed_irqs = busy->managed_irqs;
  return host;
}

/// Task 300 ("everywhere") forks right before its own mask is set.
void fork_before_own_turn(FakeHost& host, int& next) {
  host.on_effect = [&host, &next](const std::string& what) {
    if (what.starts_with("affinity 300 "))
      host.add_task(next++, "child", host.all.at(300).cpus, 300);
  };
}

/// A child of 300 that copied this mask shows up when the forks are counted for the n-th time after
/// every mask was set.
void fork_in_flight(LiveHost& host, const CpuSet& mask, int nth) {
  auto count = std::make_shared<int>(-1);
  host.on_effect = [count](const std::string& what) {
    if (what.starts_with("affinity")) *count = 0;
  };
  host.on_count = [&host, mask, nth, count] {
    if (*count < 0 || ++*count != nth || host.all.contains(400)) return;
    host.add_task(400, "child", mask, 300);
  };
}

TEST(Fork, BeforeItsParentIsGivenBackIsGivenBackToo) {
  const RunDir run;
  auto host = live_host({.partitions = false});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  int next = 400;
  fork_before_own_turn(*host, next);
  ASSERT_TRUE(keeper.release("a").left.empty());
  ASSERT_EQ(next, 401);
  EXPECT_EQ(host->all.at(400).cpus, kAll);
  EXPECT_FALSE(run.has_ledger());
}

TEST(Fork, InFlightDuringAReleaseIsWaitedFor) {
  for (const int nth : {1, 2, 3, 4}) {
    const RunDir run;
    auto host = live_host({.partitions = false});
    Keeper keeper(host, run.path());
    ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
    fork_in_flight(*host, kLeft, nth);
    ASSERT_TRUE(keeper.release("a").left.empty());
    ASSERT_TRUE(host->all.contains(400)) << nth;
    EXPECT_EQ(host->all.at(400).cpus, kAll);
    EXPECT_FALSE(run.has_ledger());
  }
}

TEST(Fork, InFlightDuringAnAcquireGetsOffTheCpusAtOnceAndBackAtTheEnd) {
  const RunDir run;
  auto host = live_host({.partitions = false});
  Keeper keeper(host, run.path());
  fork_in_flight(*host, kAll, 3);
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  ASSERT_TRUE(host->all.contains(400));
  EXPECT_EQ(host->all.at(400).cpus & host->online(), kLeft);
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(host->all.at(400).cpus, kAll);
}

TEST(Fork, OfATaskWhoseMaskThePartitionClobberedGetsItsParentsMask) {
  const RunDir run;
  auto host = live_host({});
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  host->on_effect = [&host](const std::string& what) {
    // The partition is gone, the masks it left behind are not put right yet.
    if (what.starts_with("affinity 302 "))
      host->add_task(400, "child", host->all.at(302).cpus, 302);
  };
  ASSERT_TRUE(keeper.release("a").left.empty());
  ASSERT_TRUE(host->all.contains(400));
  EXPECT_EQ(host->all.at(400).cpus, host->all.at(302).cpus);
  EXPECT_EQ(host->all.at(400).cpus, (CpuSet{3, 5}));
}

TEST(Fork, DuringAReleaseThatIsKilledIsGivenBackByRecover) {
  int forked = 0;
  for (int i = 0; i < 30; ++i) {
    const RunDir run;
    auto host = live_host({.partitions = false});
    ASSERT_TRUE(Keeper(host, run.path()).acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
    int next = 400;
    fork_before_own_turn(*host, next);
    host->die_at = host->effects + i;
    try {
      Keeper(host, run.path()).release("a");
    } catch (const KillPoint&) {
    }
    kill_supervisors(*host, {900});
    Keeper(host, run.path()).recover();
    for (int tid = 400; tid < next; ++tid) EXPECT_EQ(host->all.at(tid).cpus, kAll) << i;
    forked += next - 400;
  }
  EXPECT_GE(forked, 30);
}

TEST(Fork, CostsALookOnlyWhereTheKernelCountedOne) {
  const RunDir run;
  auto host = live_host({.partitions = false});
  int looks = 0;
  host->on_look = [&looks] { ++looks; };
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease_on(*host, "a", 4, 6, 900)}, kPolicy));
  looks = 0;
  ASSERT_TRUE(keeper.release("a").left.empty());
  EXPECT_EQ(looks, 3) << "before, after the knobs, and after the masks";
}

}  // namespace
}  // namespace kvmrt::partition
