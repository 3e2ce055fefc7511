// SPDX-License-Identifier: MIT
#include "launcher/preflight_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Credentials kNobody{"nobody", 65534, 65534, {65534}};
const std::string kQcow2Header = "QFI\xfb\0\0\0\3"s + std::string(504, '\0');

FileFacts probe(const FileDemand& demand, const std::optional<Credentials>& user = {}) {
  return probe_files({demand}, user).front();
}

FileDemand demand_for(const std::filesystem::path& path, std::string format = "",
                      bool writable = false) {
  return {"disks[0].path", path, writable, true, std::move(format)};
}

TEST(DetectImageFormat, KnowsThemByTheirFirstBytes) {
  EXPECT_EQ(detect_image_format(kQcow2Header), "qcow2");
  EXPECT_EQ(detect_image_format("KDMV rest"), "vmdk");
  EXPECT_EQ(detect_image_format(std::string(0x40, ' ') + "\x7f\x10\xda\xbe"), "vdi");
  EXPECT_EQ(detect_image_format("vhdxfile"), "vhdx");
  EXPECT_EQ(detect_image_format("\xeb\x63\x90 boot sector"), "");
  EXPECT_EQ(detect_image_format(""), "");
}

TEST(FileDemands, AreWhatIsHandedOverAndWhatQemuOpensItself) {
  profiles::Profile profile;
  profile.disks.resize(2);
  profile.disks[0].path = "/a.qcow2";
  profile.disks[1].path = "/b.img";
  profile.disks[1].format = "vmdk";
  QemuInvocation invocation;
  const auto file = Handover::Kind::file;
  invocation.handovers = {{file, 3, "/a.qcow2", O_RDWR, 0, 0, "disks[0].path"},
                          {file, 4, "/b.img", O_RDONLY, 1, 0, "disks[1].path"},
                          {file, 5, "/log", O_WRONLY | O_CREAT, 0, 0, "serial[0].path"},
                          {Handover::Kind::tap, 6, "", 0, 0, 0, "networks[0]"}};
  invocation.paths = {{PathUse::Kind::read_file, "/vmlinuz", "boot.kernel"},
                      {PathUse::Kind::connect_socket, "/sock", "networks[1].socket"}};
  EXPECT_THAT(file_demands(profile, invocation, true),
              ElementsAre(FileDemand{"qemu.accel", "/dev/kvm", true, true, ""},
                          FileDemand{"disks[0].path", "/a.qcow2", true, false, "qcow2"},
                          FileDemand{"disks[1].path", "/b.img", false, false, "vmdk"},
                          FileDemand{"boot.kernel", "/vmlinuz", false, true, ""}));
}

TEST(FileProblems, AreNoneForAFileThatOpensAndIsWhatItSays) {
  const test::TemporaryFolder folder;
  const auto image = folder.write("a.qcow2", kQcow2Header);
  EXPECT_THAT(file_problems({probe(demand_for(image, "qcow2", true))}, ""), IsEmpty());
  const auto raw = folder.write("a.raw", "LUKS\xba\xbe and more");
  EXPECT_THAT(file_problems({probe(demand_for(raw, "raw"))}, ""), IsEmpty());
}

TEST(FileProblems, TellAnImageOfAnotherFormat) {
  const test::TemporaryFolder folder;
  const auto image = folder.write("a.img", kQcow2Header);
  const auto as_raw = file_problems({probe(demand_for(image, "raw"))}, "");
  ASSERT_EQ(as_raw.size(), 1U);
  EXPECT_EQ(as_raw[0].code, "image-format");
  EXPECT_THAT(as_raw[0].message, HasSubstr("is qcow2, not raw"));
  const auto empty = folder.write("b.qcow2", "");
  EXPECT_EQ(file_problems({probe(demand_for(empty, "qcow2"))}, "").size(), 1U);
}

TEST(FileProblems, TellAFileThatIsNotThereOrAFolder) {
  const test::TemporaryFolder folder;
  const auto none = file_problems({probe(demand_for(folder.path() / "none"))}, "");
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none[0].key, "disks[0].path");
  EXPECT_THAT(none[0].message, HasSubstr("none: No such file or directory"));
  EXPECT_EQ(file_problems({probe(demand_for(folder.path()))}, "").size(), 1U);
}

TEST(ProbeFiles, LooksWithTheRightsOfQemusUserAndTakesItsOwnBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const test::TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0711));
  const auto secret = folder.write("secret", "x");
  std::filesystem::permissions(secret, std::filesystem::perms(0640));
  ASSERT_EQ(::chown(secret.c_str(), 0, 4242), 0);
  const auto by_nobody = probe(demand_for(secret), kNobody);
  EXPECT_EQ(by_nobody.open_errno, EACCES);
  const auto problems = file_problems({by_nobody}, "nobody");
  EXPECT_THAT(problems.front().message, HasSubstr("secret as user nobody: Permission denied"));
  EXPECT_THAT(problems.front().hint, HasSubstr("user nobody needs read permission"));

  Credentials with_group = kNobody;
  with_group.groups.push_back(4242);
  EXPECT_EQ(probe(demand_for(secret), with_group).open_errno, 0);
  EXPECT_EQ(probe(demand_for(secret, "", true), with_group).open_errno, EACCES);
  EXPECT_EQ(probe(demand_for(secret)).open_errno, 0) << "our own rights are back";
  FileDemand handed_over = demand_for(secret);
  handed_over.by_qemu = false;
  EXPECT_EQ(probe(handed_over, kNobody).open_errno, 0);
}

}  // namespace
}  // namespace kvmrt::launcher
