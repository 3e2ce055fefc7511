// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace kvmrt {
namespace {

TEST(BytesText, ReadsBinaryUnitsInTheirLongAndShortForms) {
  EXPECT_EQ(parse_bytes("2GiB"), gib(2));
  EXPECT_EQ(parse_bytes("2G"), gib(2));
  EXPECT_EQ(parse_bytes("512 MiB"), mib(512));
  EXPECT_EQ(parse_bytes("4096"), Bytes(4096));
}

TEST(BytesText, RefusesFractionsUnknownUnitsAndOverflow) {
  for (const char* text : {"", "1.5G", "G", "-1", "1GB", "99999999TiB", "0x10"})
    EXPECT_FALSE(parse_bytes(text)) << text;
}

TEST(BytesText, PrintsTheLargestUnitThatDividesExactly) {
  EXPECT_EQ(to_string(gib(2)), "2GiB");
  EXPECT_EQ(to_string(mib(1536)), "1536MiB");
  EXPECT_EQ(to_string(Bytes(17)), "17B");
}

}  // namespace
}  // namespace kvmrt
