// SPDX-License-Identifier: MIT
#include "partition/probe_facts.h"

#include <gtest/gtest.h>

#include "tests/partition/snapshot.h"

namespace kvmrt::partition {
namespace {

TEST(ProbeFacts, ReadsARealTimeHost) {
  const Snapshot host("smt2-2nodes.host");
  const HostFacts facts = probe_facts(host.root());
  EXPECT_EQ(facts.kernel_rt, true);
  EXPECT_EQ(facts.clocksource, "tsc");
  EXPECT_EQ(facts.swap_on, false);
  EXPECT_EQ(facts.varying_frequency, (CpuSet{4, 5, 6}));
  EXPECT_EQ(facts.kthread_priorities, (std::map<std::string, int>{{"ksoftirqd", 0}, {"rcuc", 4}}));
  EXPECT_EQ(facts.busy_devices, std::set<std::string>{"0000:03:00.0"});
  EXPECT_NE(facts.boot_parameters->find("nohz_full=2-3"), std::string::npos);
}

TEST(ProbeFacts, TellsQueuesThatTheKernelManagesByTheirNames) {
  const Snapshot host("smt2-2nodes.host");
  const HostFacts facts = probe_facts(host.root());
  const std::vector<ManagedIrq> managed{{25, "nvme0q3", {2}}, {27, "virtio1-req.1", {6}}};
  EXPECT_EQ(facts.managed_irqs, managed);
}

void link_in(const Snapshot& host, const std::string& path, const std::string& target) {
  std::filesystem::create_directories((host.root() / path).parent_path());
  std::filesystem::create_symlink(target, host.root() / path);
}

TEST(ProbeFacts, ADiskIsInUseAlsoThroughBtrfsSwapOrAMapper) {
  const std::string pci = "../../devices/pci0000:00/";
  const auto busy = [&](const std::string& file, const std::string& text) {
    const Snapshot host("smt2-2nodes.host");
    link_in(host, "sys/class/block/sdb1", pci + "0000:05:00.0/ata1/host0/block/sdb/sdb1");
    host.write(file, text);
    return probe_facts(host.root()).busy_devices.contains("0000:05:00.0");
  };
  EXPECT_FALSE(busy("proc/swaps", "Filename Type Size\n"));
  EXPECT_TRUE(busy("proc/swaps", "Filename Type Size\n/dev/sdb1 partition 1024\n"));
  EXPECT_TRUE(busy("proc/self/mountinfo",
                   "36 25 0:31 / /data rw,relatime shared:1 - btrfs /dev/sdb1 rw\n"));
  const Snapshot host("smt2-2nodes.host");
  host.write("sys/devices/pci0000:00/0000:05:00.0/block/sdb/sdb2/holders/dm-0", "");
  link_in(host, "sys/class/block/sdb2", pci + "0000:05:00.0/block/sdb/sdb2");
  EXPECT_TRUE(probe_facts(host.root()).busy_devices.contains("0000:05:00.0"));
}

TEST(ProbeFacts, AnInterfaceThatIsUpWithoutACarrierIsInUse) {
  const Snapshot host("smt2-2nodes.host");
  host.write("sys/devices/pci0000:00/0000:06:00.0/net/eth1/flags", "0x1002\n");
  link_in(host, "sys/class/net/eth1", "../../devices/pci0000:00/0000:06:00.0/net/eth1");
  EXPECT_FALSE(probe_facts(host.root()).busy_devices.contains("0000:06:00.0"));
  host.write("sys/class/net/eth1/flags", "0x1003\n");
  EXPECT_TRUE(probe_facts(host.root()).busy_devices.contains("0000:06:00.0"));
}

TEST(ProbeFacts, SeesSwapAndAKernelThatIsNotRealTime) {
  const Snapshot host("smt2-2nodes.host");
  host.write("proc/swaps", "Filename Type Size\n/dev/sda2 partition 1024\n");
  host.write("sys/kernel/realtime", "0\n");
  EXPECT_EQ(probe_facts(host.root()).swap_on, true);
  EXPECT_EQ(probe_facts(host.root()).kernel_rt, false);
}

TEST(ProbeFacts, LeavesAbsentWhatCannotBeRead) {
  const HostFacts facts = probe_facts("/nonexistent");
  EXPECT_EQ(facts, HostFacts{});
}

}  // namespace
}  // namespace kvmrt::partition
