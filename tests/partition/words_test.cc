// SPDX-License-Identifier: MIT
#include "partition/words.h"

#include <gtest/gtest.h>

namespace kvmrt::partition {
namespace {

TEST(Words, AgreeWithHowManyCpusThereAre) {
  EXPECT_EQ(cpus_that({5}, "goes", "go"), "CPU 5 goes");
  EXPECT_EQ(cpus_that({5, 7, 9}, "goes", "go"), "CPUs 5,7,9 go");
}

}  // namespace
}  // namespace kvmrt::partition
