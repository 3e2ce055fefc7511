// SPDX-License-Identifier: MIT
#include "partition/cpuset.h"

#include <gtest/gtest.h>

namespace kvmrt::partition {
namespace {

TEST(CpuSetText, PrintsTheKernelsListFormat) {
  EXPECT_EQ((CpuSet{0, 2, 4, 5, 6, 7}).list(), "0,2,4-7");
  EXPECT_EQ(CpuSet{}.list(), "");
}

TEST(CpuSetText, ReadsWhatTheKernelPrintsWithItsNewline) {
  EXPECT_EQ(CpuSet::from_list("0-3,8\n"), (CpuSet{0, 1, 2, 3, 8}));
  EXPECT_EQ(CpuSet::from_list("\n"), CpuSet{});
}

TEST(CpuSetText, RefusesWhatIsNoList) {
  for (const char* text : {"a", "1-", "-1", "3-1", "1,,2", "8192", "1 2", "0-3:2", "99999999999"})
    EXPECT_FALSE(CpuSet::from_list(text)) << text;
}

TEST(CpuSetText, PrintsHexMasksAsProcIrqDoes) {
  EXPECT_EQ((CpuSet{0, 1}).hex_mask(), "3");
  EXPECT_EQ((CpuSet{32}).hex_mask(), "1,00000000");
  EXPECT_EQ((CpuSet{0, 63, 64}).hex_mask(), "1,80000000,00000001");
  EXPECT_EQ(CpuSet{}.hex_mask(), "0");
}

TEST(CpuSetText, HexMasksReadBackAsWhatTheyWerePrintedFrom) {
  const CpuSet set{0, 3, 31, 32, 95, 127, 300};
  EXPECT_EQ(CpuSet::from_hex_mask(set.hex_mask()), set);
  EXPECT_EQ(CpuSet::from_hex_mask("00000000,0000000f\n"), (CpuSet{0, 1, 2, 3}));
  EXPECT_FALSE(CpuSet::from_hex_mask("xyz"));
}

TEST(CpuSetAlgebra, EqualSetsAreEqualWhateverTheyOnceHeld) {
  CpuSet set{1, 500};
  set.erase(CpuId(500));
  EXPECT_EQ(set, CpuSet{1});
  EXPECT_EQ((CpuSet{1, 70} & CpuSet{1}), CpuSet{1});
  EXPECT_EQ((CpuSet{1, 70} - CpuSet{70}), CpuSet{1});
}

TEST(CpuSetAlgebra, KnowsSubsetsAndOverlap) {
  EXPECT_TRUE(CpuSet{}.subset_of(CpuSet{}));
  EXPECT_TRUE((CpuSet{1, 2}).subset_of(CpuSet{1, 2, 3}));
  EXPECT_FALSE((CpuSet{1, 200}).subset_of(CpuSet{1, 2, 3}));
  EXPECT_TRUE((CpuSet{64, 2}).intersects(CpuSet{64}));
  EXPECT_FALSE((CpuSet{64}).intersects(CpuSet{0, 1}));
}

TEST(CpuSetAlgebra, FindsItsEnds) {
  EXPECT_EQ((CpuSet{65, 130}).lowest(), CpuId(65));
  EXPECT_EQ((CpuSet{65, 130}).highest(), CpuId(130));
  EXPECT_FALSE(CpuSet{}.lowest());
}

}  // namespace
}  // namespace kvmrt::partition
