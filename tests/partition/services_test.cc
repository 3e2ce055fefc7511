// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "partition/keeper.h"
#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

HostPolicy policy_with(const std::string& unit) {
  HostPolicy policy;
  policy.services = {{unit, CpuSet{2}, 5}};
  return policy;
}

TEST(Services, ThatBindNoThreadArePlacedAsAWholeAndGivenBack) {
  for (const bool partitions : {false, true}) {
    const RunDir run;
    auto host = busy_host({.partitions = partitions});
    host->add_task(800, "switch", CpuSet::range(0, 7)).scheduling = {Policy::other, 0};
    host->files["/run/switch.pid"] = "800\n";
    const auto lease = lease_on(*host, "a", 4, 6, 900);
    const FakeImage before = host->image();
    Keeper keeper(host, run.path());
    ASSERT_TRUE(keeper.acquire({lease}, policy_with("/run/switch.pid")).ok());
    EXPECT_EQ(host->all.at(800).cpus, CpuSet{2});
    EXPECT_EQ(to_text(host->all.at(800).scheduling), "fifo:5");
    EXPECT_TRUE(keeper.drift().changes.empty());
    ASSERT_TRUE(keeper.release("a").left.empty());
    EXPECT_EQ(host->difference(before), "");
  }
}

TEST(Services, ThreadsThatDoNotPollKeepOffTheOwnedCpus) {
  const RunDir run;
  auto host = busy_host({.partitions = false});
  host->add_task(800, "ovs-vswitchd", CpuSet::range(0, 7));
  host->add_task(801, "pmd-c02", {2}).process = Pid(800);
  host->files["/sys/fs/cgroup/system.slice/ovs.service/cgroup.procs"] = "800\n";
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease}, policy_with("ovs.service")).ok());
  EXPECT_EQ(host->all.at(801).cpus, CpuSet{2});
  EXPECT_FALSE(host->all.at(800).cpus.intersects(CpuSet{2, 4, 5, 6, 7}));
}

TEST(Services, ThatDoNotRunAreTold) {
  const RunDir run;
  auto host = busy_host();
  const auto lease = lease_on(*host, "a", 4, 6, 900);
  Keeper keeper(host, run.path());
  const auto taken = keeper.acquire({lease}, policy_with("ovs.service"));
  ASSERT_TRUE(taken.ok());
  const auto& problems = taken->problems;
  EXPECT_TRUE(std::any_of(problems.begin(), problems.end(),
                          [](const Problem& p) { return p.code == "service-not-running"; }));
}

}  // namespace
}  // namespace kvmrt::partition
