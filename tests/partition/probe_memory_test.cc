// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/file.h"
#include "partition/probe.h"
#include "tests/partition/hosts.h"
#include "tests/partition/snapshot.h"

namespace kvmrt::partition {
namespace {

TEST(KeptTopology, GivesOfflineCpusTheirSiblingsBack) {
  const Snapshot folder("none");
  const HostTopology before = make_host({.packages = 2, .cores = 2, .threads = 2});
  keep_topology(folder.root(), before);
  const auto recalled = recall_topology(folder.root());
  ASSERT_TRUE(recalled);
  ASSERT_EQ(recalled->cpus.size(), before.cpus.size());

  HostTopology now = before;
  now.cpus[5] = Cpu{};  // as sysfs shows CPU 5 while it is offline
  now.cpus[5].id = CpuId(5);
  now.cpus[5].siblings = {5};
  now.cpus[5].online = false;
  now.cpus[4].siblings = {4};
  remember(now, *recalled);
  EXPECT_EQ(now.cpus[4].siblings, (CpuSet{4, 5}));
  EXPECT_EQ(now.cpus[5].siblings, (CpuSet{4, 5}));
  EXPECT_EQ(now.cpus[5].package, 1);
  EXPECT_EQ(now.cpus[5].node, NodeId(1));
  EXPECT_EQ(now.cpus[5].core, now.cpus[4].core);
  EXPECT_FALSE(now.cpus[5].online);
}

TEST(KeptTopology, IsNothingWithoutAFileOrWithADamagedOne) {
  const Snapshot folder("none");
  EXPECT_FALSE(recall_topology(folder.root()));
  keep_topology(folder.root(), make_host({.cores = 4}));
  const std::string good = read_file(folder.root() / "topology");
  for (const std::string& text :
       {std::string(), std::string("something else\n"), good + "1 0 0 0 0 1\n", good + "9 0 0 0\n",
        good + "99999 0 0 0 0 1\n", good + "9 0 x 0 0 1\n"}) {
    folder.write("topology", text);
    EXPECT_FALSE(recall_topology(folder.root())) << text;
  }
}

}  // namespace
}  // namespace kvmrt::partition
