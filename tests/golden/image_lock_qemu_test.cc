// SPDX-License-Identifier: MIT
// Do we see the locks that a real QEMU takes on its images?
#include <gtest/gtest.h>
#include <unistd.h>

#include "launcher/devices_lock.h"
#include "tests/golden/command_line_cases.h"
#include "tests/golden/qemu_process.h"

namespace kvmrt::golden {
namespace {

using launcher::ImageUse;

class ImageLock : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "no QEMU here";
  }

  [[nodiscard]] launcher::QemuInvocation invocation(bool readonly) const {
    const Case one = make_case(folder_.path(), "lock", [&](Case& edited) {
      profiles::Disk disk;
      disk.path = image_;
      disk.readonly = readonly;
      edited.profile.disks = {disk};
    });
    return command_line(one.profile, one.plan, one.around);
  }

  /// The greeting alone proves nothing: the monitor's own thread may send it before the devices
  /// are made. Commands are answered by the main loop.
  static bool ready(QemuProcess& process) {
    return !process.greeting().empty() && !process.execute("qmp_capabilities").empty();
  }

  CaseFolder folder_;
  std::string image_ = folder_.path() / "a.raw";
};

TEST_F(ImageLock, OfAWriterForbidsEveryOtherUseAndNamesIt) {
  EXPECT_TRUE(check_image_locks(invocation(false).handovers).empty());
  QemuProcess process(invocation(false), folder_.path() / "stderr");
  ASSERT_TRUE(ready(process));
  EXPECT_TRUE(launcher::image_locked(image_, ImageUse::write));
  EXPECT_TRUE(launcher::image_locked(image_, ImageUse::read));
  const Problems problems = check_image_locks(invocation(false).handovers);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, "image-in-use");
  EXPECT_EQ(problems[0].key, "disks[0].path");
  EXPECT_NE(problems[0].message.find("process " + std::to_string(process.pid()) + " (qemu"),
            std::string::npos)
      << problems[0].message;
  process.quit();
  EXPECT_TRUE(check_image_locks(invocation(false).handovers).empty());
}

TEST_F(ImageLock, OfAReaderForbidsOnlyWriting) {
  QemuProcess process(invocation(true), folder_.path() / "stderr");
  ASSERT_TRUE(ready(process));
  EXPECT_TRUE(launcher::image_locked(image_, ImageUse::write));
  EXPECT_FALSE(launcher::image_locked(image_, ImageUse::read));
  EXPECT_TRUE(check_image_locks(invocation(true).handovers).empty());
}

TEST(ImageLocks, AreNotSeenWhereNobodyHoldsThem) {
  EXPECT_FALSE(launcher::image_locked("/nonexistent", ImageUse::write));
  EXPECT_FALSE(launcher::image_locked("/bin/sh", ImageUse::write));
}

}  // namespace
}  // namespace kvmrt::golden
