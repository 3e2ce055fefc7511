// SPDX-License-Identifier: MIT
// Cache classes on the fake host: two L3 domains of 12 ways, 1 MiB each.
#include <gtest/gtest.h>

#include "partition/resctrl.h"
#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

const HostPolicy kPolicy;

struct Scene {
  Scene() : host(busy_host()), keeper(host, run.path()) {
    host->offer_caches();
    a = lease_on(*host, "a", 4, 4, 900);
    b = lease_on(*host, "b", 6, 6, 901);
    before = host->image();
  }
  std::string schemata(const std::string& folder) {
    const auto text = host->read(folder + "/schemata");
    return text ? Schemata::parse(*text)->text() : "(absent)";
  }
  RunDir run;
  std::shared_ptr<FakeHost> host;
  Keeper keeper;
  Lease a;
  Lease b;
  FakeImage before;
};

TEST(Schemata, AreTheSameWhateverThePadding) {
  EXPECT_EQ(Schemata::parse("    L3:0=00f;1=fff\n    MB:0=100;1= 50\n"),
            Schemata::parse("MB:0=100;1=50\nL3:0=f;1=fff"));
  EXPECT_FALSE(Schemata::parse("L3:0=xyz"));
  EXPECT_FALSE(Schemata::parse("nonsense"));
}

TEST(CacheClass, GetsItsWaysInItsDomainAloneAndGivesThemBack) {
  Scene scene;
  scene.a.request.cache = {"3MiB", "50%", true};
  const auto answer = scene.keeper.acquire({scene.a}, kPolicy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  EXPECT_EQ(scene.schemata("/sys/fs/resctrl/kvmrt-a"), "L3:0=fff;1=e00\nMB:0=100;1=50");
  EXPECT_EQ(scene.schemata("/sys/fs/resctrl"), "L3:0=fff;1=1ff\nMB:0=100;1=100");
  EXPECT_EQ(scene.host->files["/sys/fs/resctrl/kvmrt-a/cpus_list"], "4\n");
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(CacheClass, OfASecondVmTakesOtherWaysAndKeepsThemWhenTheFirstEnds) {
  Scene scene;
  scene.a.request.cache = {"3", "", true};
  scene.b.request.cache = {"2", "", true};
  ASSERT_TRUE(scene.keeper.acquire({scene.a}, kPolicy));
  const auto answer = scene.keeper.acquire({scene.b}, kPolicy);
  ASSERT_TRUE(answer) << to_string(answer.problems().front());
  EXPECT_EQ(scene.schemata("/sys/fs/resctrl/kvmrt-b"), "L3:0=fff;1=180\nMB:0=100;1=100");
  EXPECT_EQ(scene.schemata("/sys/fs/resctrl"), "L3:0=fff;1=7f\nMB:0=100;1=100");
  ASSERT_TRUE(scene.keeper.release("a").left.empty());
  EXPECT_EQ(scene.schemata("/sys/fs/resctrl/kvmrt-b"), "L3:0=fff;1=180\nMB:0=100;1=100");
  ASSERT_TRUE(scene.keeper.release("b").left.empty());
  EXPECT_EQ(scene.host->difference(scene.before), "");
}

TEST(CacheClass, IsRefusedWhereThereIsNoneOrNotEnough) {
  Scene scene;
  scene.a.request.cache = {"12", "", true};
  const auto greedy = scene.keeper.acquire({scene.a}, kPolicy);
  ASSERT_FALSE(greedy);
  EXPECT_EQ(greedy.problems().back().code, "cache-not-available");
  scene.host->files.erase("/sys/fs/resctrl/schemata");
  const auto none = scene.keeper.acquire({scene.a}, kPolicy);
  ASSERT_FALSE(none);
  EXPECT_NE(none.problems().back().hint.find("mount -t resctrl"), std::string::npos);
}

TEST(CacheClass, ComesBackWhateverFails) {
  for (int i = 0;; ++i) {
    Scene scene;
    scene.a.request.cache = {"3", "50%", true};
    scene.host->fail_at = i;
    try {
      (void)scene.keeper.acquire({scene.a}, kPolicy);
    } catch (const SystemError&) {
    }
    try {
      scene.keeper.release("a");
    } catch (const SystemError&) {
    }
    kill_supervisors(*scene.host, {900});
    scene.keeper.recover();
    ASSERT_EQ(scene.host->difference(scene.before), "") << "effect " << i;
    if (scene.host->effects <= i) break;
  }
}

}  // namespace
}  // namespace kvmrt::partition
