// SPDX-License-Identifier: MIT
#include "partition/probe.h"

#include <fstream>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/partition/snapshot.h"

namespace kvmrt::partition {
namespace {

namespace fs = std::filesystem;

HostTopology probe(const Snapshot& host) { return probe_topology({.root = host.root()}); }

TEST(ProbeTopology, ReadsPackagesNodesCoresAndCaches) {
  const Snapshot host("smt2-2nodes.host");
  const HostTopology topology = probe(host);
  ASSERT_EQ(topology.cpus.size(), 8U);
  const Cpu& five = *topology.find(CpuId(5));
  EXPECT_EQ(five.package, 1);
  EXPECT_EQ(five.node, NodeId(1));
  EXPECT_EQ(five.siblings, (CpuSet{4, 5}));
  EXPECT_EQ(five.llc, 4);
  EXPECT_EQ(five.core, topology.find(CpuId(4))->core);
  EXPECT_NE(five.core, topology.find(CpuId(1))->core);
  EXPECT_EQ(topology.first_cores(), (CpuSet{0, 1, 4, 5}));
  EXPECT_EQ(topology.nodes_of({1, 6}), (NodeSet{0, 1}));
}

TEST(ProbeTopology, KnowsWhatTheKernelWasToldAtBoot) {
  const Snapshot host("smt2-2nodes.host");
  const HostTopology topology = probe(host);
  EXPECT_EQ(topology.isolated(), (CpuSet{2, 3, 6}));
  EXPECT_EQ(topology.nohz_full(), (CpuSet{2, 3}));
  EXPECT_EQ(topology.online(), CpuSet::range(0, 6));
  EXPECT_FALSE(topology.find(CpuId(0))->can_go_offline);
  EXPECT_TRUE(topology.find(CpuId(1))->can_go_offline);
}

TEST(ProbeTopology, TakesANullListForAnEmptyOne) {
  const Snapshot host("smt2-2nodes.host");
  host.write("sys/devices/system/cpu/nohz_full", "  (null)\n");
  host.write("sys/devices/system/cpu/isolated", "\n");
  const HostTopology topology = probe(host);
  EXPECT_TRUE(topology.nohz_full().empty());
  EXPECT_TRUE(topology.isolated().empty());
}

TEST(ProbeTopology, KnowsOnlyTheNodeOfAnOfflineCpuUnlessItIsRemembered) {
  const Snapshot host("smt2-2nodes.host");
  const HostTopology blind = probe(host);
  const Cpu& seven = *blind.find(CpuId(7));
  EXPECT_FALSE(seven.online);
  EXPECT_EQ(seven.node, NodeId(1));
  EXPECT_EQ(seven.siblings, CpuSet{7});
  EXPECT_EQ(seven.package, -1);

  HostTopology before = blind;
  before.cpus[7] = before.cpus[6];
  before.cpus[7].id = CpuId(7);
  before.cpus[6].siblings = before.cpus[7].siblings = {6, 7};
  const HostTopology now = probe_topology({.root = host.root(), .remembered = &before});
  EXPECT_EQ(now.find(CpuId(7))->siblings, (CpuSet{6, 7}));
  EXPECT_EQ(now.find(CpuId(6))->siblings, (CpuSet{6, 7}));
  EXPECT_EQ(now.find(CpuId(7))->package, 1);
  EXPECT_EQ(now.find(CpuId(7))->core, now.find(CpuId(6))->core);
  EXPECT_FALSE(now.find(CpuId(7))->online);
  EXPECT_EQ(now.with_siblings({6}), (CpuSet{6, 7}));
}

TEST(ProbeTopology, ReadsMemoryAndHugePagesByNode) {
  const Snapshot host("smt2-2nodes.host");
  const HostTopology topology = probe(host);
  ASSERT_EQ(topology.nodes.size(), 2U);
  const Node& one = topology.nodes[1];
  EXPECT_EQ(one.memory, gib(8));
  EXPECT_EQ(one.free_memory, gib(3) + mib(2));
  EXPECT_EQ(one.cpus, (CpuSet{4, 5, 6, 7}));
  EXPECT_EQ(one.hugepages.at(gib(1)), (HugepagePool{2, 2}));
  EXPECT_EQ(one.hugepages.at(mib(2)), (HugepagePool{16, 8}));
}

TEST(ProbeTopology, LooksUpOnlyTheDevicesAskedFor) {
  const Snapshot host("smt2-2nodes.host");
  EXPECT_TRUE(probe(host).devices.empty());
  const HostTopology topology = probe_topology(
      {.root = host.root(), .devices = {"0000:03:00.0", "0000:09:00.0", "../../../proc"}});
  ASSERT_EQ(topology.devices.size(), 1U);
  EXPECT_EQ(topology.devices[0], (PciDevice{"0000:03:00.0", NodeId(1), {4, 5, 6}, "igb", 12}));
  EXPECT_EQ(probe_topology({.root = host.root(), .all_devices = true}).devices.size(), 1U);
}

TEST(ProbeTopology, RefusesARootThatIsNotThere) {
  EXPECT_THROW(probe_topology({.root = "/nonexistent/host"}), SystemError);
}

TEST(ProbeTopology, AgreesWithTheKernelOnThisHost) {
  const HostTopology topology = probe_topology();
  EXPECT_EQ(topology.online(),
            CpuSet::from_list(read_file("/sys/devices/system/cpu/online")).value());
  EXPECT_EQ(topology.source, "this host");
  for (const Cpu& cpu : topology.cpus) EXPECT_TRUE(cpu.siblings.has(cpu.id));
  ASSERT_FALSE(topology.nodes.empty());
  EXPECT_GT(topology.nodes[0].memory, mib(1));
}

TEST(TopologyFrom, TakesASyntheticDescription) {
  const auto topology = topology_from("pack:2 [numa] core:10 pu:2");
  ASSERT_TRUE(topology.ok());
  EXPECT_EQ(topology->cpus.size(), 40U);
  EXPECT_EQ(topology->nodes.size(), 2U);
  EXPECT_EQ(topology->find(CpuId(39))->siblings, (CpuSet{38, 39}));
  EXPECT_EQ(topology->find(CpuId(39))->package, 1);
  EXPECT_EQ(topology->find(CpuId(39))->node, NodeId(1));
  EXPECT_EQ(topology->first_cores(), (CpuSet{0, 1, 20, 21}));
  EXPECT_FALSE(topology->memory_known);
  EXPECT_TRUE(topology_from("numa:2(memory=8GB) core:2 pu:1")->memory_known);
}

TEST(TopologyFrom, TakesAnXmlFile) {
  const fs::path path = fs::temp_directory_path() / "kvmrt-probe-test.xml";
  if (std::system(("lstopo-no-graphics -i 'pack:1 [numa] L3:2 core:2 pu:2' --of xml -f " +
                   path.string() + " 2>/dev/null")
                      .c_str()) != 0)
    GTEST_SKIP() << "lstopo-no-graphics is not installed";
  const auto topology = topology_from(path.string());
  fs::remove(path);
  ASSERT_TRUE(topology.ok());
  EXPECT_EQ(topology->cpus.size(), 8U);
  EXPECT_EQ(topology->find(CpuId(7))->llc, 4);
  EXPECT_EQ(topology->find(CpuId(7))->siblings, (CpuSet{6, 7}));
}

TEST(TopologyFrom, RefusesInputThatDescribesNoHost) {
  for (const char* input : {"", "nonsense", "pack:2 core:10 pu", "pack:0 pu:2", "/", "/etc/passwd",
                            "core:4 pu:99999999999999999999", "pack:100000 core:100000 pu:2",
                            "pack:64 core:64 pu:4", "pu:2 core:2"}) {
    const auto topology = topology_from(input);
    EXPECT_FALSE(topology.ok()) << input;
    ASSERT_EQ(topology.problems().size(), 1U) << input;
    EXPECT_EQ(topology.problems()[0].code, "input-unusable") << input;
  }
}

TEST(TopologyFrom, RefusesBrokenXml) {
  const fs::path path = fs::temp_directory_path() / "kvmrt-broken-topology.xml";
  for (const char* text :
       {"<topology version=\"2.0\"><object type=\"Machine\"", "<topology version=\"2.0\"/>",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><topology>&b;</topology>"}) {
    std::ofstream(path) << text;
    EXPECT_FALSE(topology_from(path.string()).ok()) << text;
  }
  fs::remove(path);
}

}  // namespace
}  // namespace kvmrt::partition
