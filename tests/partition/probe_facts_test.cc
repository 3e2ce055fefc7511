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
