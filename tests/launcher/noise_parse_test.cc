// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/noise/counters.h"
#include "launcher/noise/parse.h"

namespace kvmrt::launcher::noise {
namespace {

using partition::CpuSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kInterrupts =
    "           CPU0       CPU1       CPU3       \n"
    "  1:          0          9          0   IO-APIC   1-edge      i8042\n"
    " 24:          7          5          0   PCI-MSIX-0000:00:03.0   1-edge      virtio0-input.0\n"
    " 25:          0          1          0  IO-APIC   6-level      ACPI:Ged, eth1\n"
    "NMI:          0          0          0   Non-maskable interrupts\n"
    "LOC:       1042       2041       3000   Local timer interrupts\n"
    "ERR:          3\n";

TEST(ParseInterrupts, NamesTheActionsAndLeavesOutWhatNeverCame) {
  const auto counts = parse_interrupts(kInterrupts, CpuSet{1});
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_THAT(counts.at(CpuId(1)),
              ElementsAre(Pair("1 i8042", 9), Pair("24 virtio0-input.0", 5),
                          Pair("25 ACPI:Ged, eth1", 1), Pair("LOC Local timer interrupts", 2041)));
}

TEST(ParseInterrupts, FindsTheColumnOfACpuBehindAnOfflineOne) {
  const auto counts = parse_interrupts(kInterrupts, CpuSet{3});
  EXPECT_THAT(counts.at(CpuId(3)), ElementsAre(Pair("LOC Local timer interrupts", 3000)));
}

TEST(ParseInterrupts, AnOfflineCpuHasNone) {
  EXPECT_THAT(parse_interrupts(kInterrupts, CpuSet{2}).at(CpuId(2)), IsEmpty());
}

TEST(ParseSoftirqs, HaveTheirNamesAlone) {
  const auto counts = parse_softirqs(
      "                    CPU0       CPU1       \n"
      "          HI:          1          0\n"
      "       TIMER:        100         30\n",
      CpuSet{1});
  EXPECT_THAT(counts.at(CpuId(1)), ElementsAre(Pair("TIMER", 30)));
}

TEST(ParseLongestWait, KnowsTheOldAndTheNewName) {
  using std::chrono::nanoseconds;
  EXPECT_EQ(parse_longest_wait("CPU 0/KVM (812, #threads: 4)\nwait_max      :     3.512345\n"),
            nanoseconds(3512345));
  EXPECT_EQ(parse_longest_wait("se.statistics.wait_max   :     0.000007\n"), nanoseconds(7));
  EXPECT_EQ(parse_longest_wait("nr_switches : 12\n"), std::nullopt);
}

TEST(CountersText, ComesBackAsItWas) {
  Counters counters;
  counters.at = std::chrono::seconds(5);
  counters.at_ticks = 500;
  VcpuCounters vcpu;
  vcpu.tid = Tid(12);
  vcpu.cpus = {3};
  vcpu.longest_wait = nanoseconds(9);
  vcpu.exits = {{"exits", 4}};
  counters.vcpus = {vcpu};
  counters.cpus[CpuId(3)] = {{{"LOC x", 1}}, {{"TIMER", 2}}, 3};
  counters.tasks = {{Tid(7), 70, "kworker/3:0", true, {3}, false, CpuId(3), nanoseconds(1), 2}};
  EXPECT_EQ(counters_from_json(counters_to_json(counters)), counters);
}

TEST(CountersText, DamageIsNoCounters) {
  EXPECT_EQ(counters_from_json("{"), std::nullopt);
  EXPECT_EQ(counters_from_json("{\"at\":1}"), std::nullopt);
}

}  // namespace
}  // namespace kvmrt::launcher::noise
