// SPDX-License-Identifier: MIT
#include "launcher/confine.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

const OwnCapabilities kAll{Capabilities::from_bits(~0ULL),
                           Capabilities::from_bits(~0ULL),
                           Capabilities::from_bits(~0ULL),
                           {}};
const Credentials kNobody{"nobody", 65534, 65534, {65534}};

bool has_limit(const Confinement& confinement, const Limit& limit) {
  return std::ranges::find(confinement.limits, limit) != confinement.limits.end();
}

TEST(Capabilities, AreTheKernels) {
  const std::string status = read_file("/proc/self/status");
  const auto at = status.find("CapEff:\t");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(own_capabilities().effective.bits(),
            std::stoull(status.substr(at + 8, 16), nullptr, 16));
}

TEST(Capabilities, AreShownByName) {
  EXPECT_EQ(to_string(Capabilities()), "none");
  EXPECT_EQ(to_string(Capabilities::of(CAP_IPC_LOCK).with(CAP_SYS_NICE)),
            "cap_ipc_lock,cap_sys_nice");
}

TEST(Confine, TakesAllCapabilitiesFromAnotherUser) {
  const auto confinement = confine(MemlockWay::raise_limit, kNobody, kAll, 0);
  EXPECT_EQ(confinement.user, kNobody);
  EXPECT_EQ(confinement.capabilities, Capabilities());
  EXPECT_TRUE(confinement.no_new_privs);
  EXPECT_TRUE(has_limit(confinement, unlimited(RLIMIT_MEMLOCK)));
  EXPECT_TRUE(has_limit(confinement, {RLIMIT_CORE, 0, 0}));
}

TEST(Confine, LeavesAnotherUserTheRightToLockWhereTheLimitCannotBeRaised) {
  const auto confinement = confine(MemlockWay::keep_capability, kNobody, kAll, 0);
  EXPECT_EQ(confinement.capabilities, Capabilities::of(CAP_IPC_LOCK));
  EXPECT_FALSE(has_limit(confinement, unlimited(RLIMIT_MEMLOCK)));
}

TEST(Confine, LeavesTheCallersRightsWhereNoUserIsNamed) {
  EXPECT_EQ(confine(MemlockWay::keep_capability, {}, kAll, 0).capabilities, std::nullopt);
}

TEST(Confine, MakesTheRightToLockAmbientForACallerWhoIsNotRoot) {
  const OwnCapabilities own{Capabilities::of(CAP_IPC_LOCK),
                            Capabilities::of(CAP_IPC_LOCK).with(CAP_SYS_NICE),
                            Capabilities::from_bits(~0ULL),
                            {}};
  EXPECT_EQ(confine(MemlockWay::keep_capability, {}, own, 1000).capabilities,
            Capabilities::of(CAP_IPC_LOCK));
  EXPECT_EQ(confine(MemlockWay::not_needed, {}, own, 1000).capabilities, Capabilities());
}

TEST(Credentials, OfAnUnknownUserAreAProblemWithAWayOut) {
  const auto found = credentials_of("no-such-user-here");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.problems().front().code, "unknown-user");
  EXPECT_EQ(found.problems().front().key, "security.user");
  EXPECT_THAT(found.problems().front().hint, ::testing::HasSubstr("adduser"));
}

TEST(Credentials, ContainTheGroupThatOpensKvm) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const test::TemporaryFolder folder;
  const auto device = folder.write("kvm", "");
  ASSERT_EQ(::chown(device.c_str(), 0, 4242), 0);
  std::filesystem::permissions(device, std::filesystem::perms(0660));
  EXPECT_THAT(credentials_of("nobody", device)->groups, ::testing::Contains(4242U));
  std::filesystem::permissions(device, std::filesystem::perms(0600));
  EXPECT_THAT(credentials_of("nobody", device)->groups, ::testing::Not(::testing::Contains(4242U)));
}

}  // namespace
}  // namespace kvmrt::launcher
