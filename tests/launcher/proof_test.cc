// SPDX-License-Identifier: MIT
#include "launcher/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using partition::NodeSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kMaps =
    "5581c0000000 bind:0 file=/usr/bin/qemu-system-x86_64 mapped=100 N1=100 kernelpagesize_kB=4\n"
    "5581c1000000 bind:0 heap anon=30 dirty=30 N0=30 kernelpagesize_kB=4\n"
    "7f0000000000 bind:0 anon=262144 dirty=262144 N0=262140 N1=4 kernelpagesize_kB=4\n"
    "7f0040000000 bind:0 file=/memfd:memory-backend-memfd\\040(deleted) huge dirty=8 N0=6 N1=2 "
    "kernelpagesize_kB=2048\n"
    "7f0050000000 bind:0 file=/dev/hugepages/x huge dirty=1 N2=1 kernelpagesize_kB=2048\n"
    "7ffd00000000 bind:0 stack anon=3 dirty=3 N0=3 kernelpagesize_kB=4\n"
    "7ffd0000a000 default\n";

MemoryWish on(NodeSet nodes) { return {false, {}, std::move(nodes)}; }

TEST(OutsideNodes, CountsGuestMemoryHeapsAndHugePagesButNoPrograms) {
  EXPECT_EQ(outside_nodes(kMaps, on({0})), kib(4 * 4) + mib(3 * 2));
  EXPECT_EQ(outside_nodes(kMaps, on({0, 1})), mib(2));
  EXPECT_EQ(outside_nodes(kMaps, on({0, 1, 2})), Bytes());
}

struct Host {
  test::TemporaryFolder root;
  explicit Host(const std::string& memory) {
    root.write("/proc/70/status", "Name:\tqemu\n" + memory);
    root.write("/proc/70/numa_maps", kMaps);
    root.write("/sys/devices/system/node/has_memory", "0-2\n");
  }
  [[nodiscard]] std::vector<std::string> proof(const MemoryWish& wish) const {
    std::vector<std::string> lines;
    for (const Mismatch& one : prove(Pid(70), {}, wish, root.path()))
      lines.push_back(to_string(one));
    return lines;
  }
};

TEST(Prove, AddsLockedAndHugePages) {
  const Host host("VmLck:\t  524288 kB\nVmRSS:\t 600000 kB\nHugetlbPages:\t  524288 kB\n");
  EXPECT_EQ(memory_of(Pid(70), host.root.path()).locked_and_huge(), gib(1));
  EXPECT_THAT(host.proof({true, gib(1), {}}), IsEmpty());
}

TEST(Prove, FailsWhenLessIsLockedThanTheGuestHas) {
  const Host host("VmLck:\t  1024 kB\nHugetlbPages:\t 0 kB\n");
  EXPECT_THAT(host.proof({true, gib(1), {}}),
              ElementsAre("qemu: locked memory: wanted at least 1GiB, found 1MiB"));
  EXPECT_THAT(host.proof({false, gib(1), {}}), IsEmpty());
}

TEST(Prove, FailsWhenPagesLieOnOtherNodes) {
  const Host host("VmLck:\t 0 kB\n");
  EXPECT_THAT(host.proof({false, gib(1), {0, 1}}),
              ElementsAre("qemu: memory nodes: wanted 0-1, found 2MiB on other nodes"));
  EXPECT_THAT(host.proof({false, gib(1), {0, 1, 2}}), IsEmpty());
}

TEST(Prove, TakesGuestNodesByTheirOwnHostNodes) {
  constexpr const char* kRight =
      "7f0000000000 bind:0 anon=9 N0=9 kernelpagesize_kB=4\n"
      "7f0040000000 bind=static:1 anon=9 N1=9 kernelpagesize_kB=4\n"
      "7f0050000000 default heap anon=5 N1=5 kernelpagesize_kB=4\n";
  EXPECT_EQ(outside_nodes(kRight, {false, {}, {}, true}), Bytes());
  EXPECT_EQ(outside_nodes(kRight, {false, {}, NodeSet{0}, true}), kib(14 * 4));
  const Host host("VmLck:\t 0 kB\n");
  EXPECT_THAT(host.proof({false, gib(1), {}, true}),
              ElementsAre("qemu: memory nodes: wanted each part on its own, found 6160KiB on "
                          "other nodes"));
}

TEST(Prove, FailsForAProcessThatIsGone) {
  const Host host("");
  const auto gone = prove(Pid(71), {}, {true, gib(1), {}}, host.root.path());
  EXPECT_EQ(gone.size(), 1U);
}

}  // namespace
}  // namespace kvmrt::launcher
