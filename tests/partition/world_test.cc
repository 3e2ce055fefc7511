// SPDX-License-Identifier: MIT
// The host changes under a running guest: what an administrator did stays, what the guest needs is
// made anew, and the end leaves nothing of ours.
#include <gtest/gtest.h>
#include <optional>

#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

const HostPolicy kPolicy;
constexpr auto kGroup = "/sys/fs/cgroup/kvmrt-a";
constexpr auto kPartition = "/sys/fs/cgroup/kvmrt-a/cpuset.cpus.partition";

/// One real-time VM on CPUs 4 to 7 of the busy host.
class ChangingHost : public testing::Test {
 protected:
  ChangingHost()
      : host(busy_host()), lease(lease_on(*host, "a", 4, 6, 900)), before(host->image()) {
    keeper.emplace(host, run.path());
    EXPECT_TRUE(keeper->acquire({lease}, kPolicy));
  }
  void release() {
    const Released released = keeper->release("a");
    for (const Problem& problem : released.left) ADD_FAILURE() << to_string(problem);
    EXPECT_FALSE(run.has_ledger());
  }

  RunDir run;
  std::shared_ptr<FakeHost> host;
  Lease lease;
  FakeImage before;
  std::optional<Keeper> keeper;
};

TEST_F(ChangingHost, ACpuThatTheAdministratorTakesOfflineStaysSo) {
  ASSERT_EQ(host->write("/sys/devices/system/cpu/cpu3/online", "0"), 0);
  keeper->repair();
  EXPECT_FALSE(host->online().has(CpuId(3)));
  release();
  EXPECT_EQ(host->online(), CpuSet::range(0, 7) - CpuSet{3});
}

TEST_F(ChangingHost, APartitionThatIsDissolvedIsMadeAnew) {
  ASSERT_EQ(host->write(kPartition, "member"), 0);
  const Transition repaired = keeper->repair();
  EXPECT_FALSE(repaired.problems.empty());
  EXPECT_EQ(host->read(kPartition).value_or("").substr(0, 8), "isolated");
  release();
  EXPECT_EQ(host->difference(before), "");
}

TEST_F(ChangingHost, ACgroupThatIsRemovedIsMadeAnew) {
  ASSERT_EQ(host->remove_folder(std::string(kGroup) + "/vm"), 0);
  ASSERT_EQ(host->remove_folder(kGroup), 0);
  const Transition repaired = keeper->repair();
  ASSERT_FALSE(repaired.problems.empty());
  EXPECT_EQ(repaired.problems[0].code, "partition-lost");
  EXPECT_EQ(host->read(std::string(kGroup) + "/cpuset.cpus.partition"), "isolated");
  EXPECT_EQ(host->all.at(302).cpus, CpuSet{3});
  release();
  EXPECT_EQ(host->difference(before), "");
}

TEST_F(ChangingHost, AReleaseOrARecoverAfterSomeoneRemovedTheCgroupGivesEverythingBack) {
  ASSERT_EQ(host->remove_folder(std::string(kGroup) + "/vm"), 0);
  ASSERT_EQ(host->remove_folder(kGroup), 0);
  kill_supervisors(*host, {900});
  EXPECT_TRUE(keeper->recover().left.empty());
  EXPECT_EQ(host->difference(before), "");
  EXPECT_FALSE(run.has_ledger());
}

}  // namespace
}  // namespace kvmrt::partition
