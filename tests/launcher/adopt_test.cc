// SPDX-License-Identifier: MIT
#include "launcher/adopt.h"

#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

constexpr auto kNote = "qemu_system_shutdown_request reason=6\n";

TEST(UnwatchedShutdown, IsAPowerOffWhereQemuNotedOne) {
  const std::string log = std::string("warning: something else\n") + kNote;
  EXPECT_EQ(unwatched_shutdown(log, 0).reason, "guest-shutdown");
}

TEST(UnwatchedShutdown, IsAResetWhereItNotedNone) {
  EXPECT_EQ(unwatched_shutdown("warning: something else\n", 0).reason, "guest-reset");
}

TEST(UnwatchedShutdown, TakesNoNoticeOfAnEarlierLife) {
  const std::string log = kNote;
  EXPECT_EQ(unwatched_shutdown(log, log.size()).reason, "guest-reset");
  EXPECT_EQ(unwatched_shutdown(log, log.size() + 100).reason, "guest-reset");
}

TEST(UnwatchedShutdown, TakesNoOtherReasonForIt) {
  EXPECT_EQ(unwatched_shutdown("qemu_system_shutdown_request reason=2\n", 0).reason, "guest-reset");
}

}  // namespace
}  // namespace kvmrt::launcher
