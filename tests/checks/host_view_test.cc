// SPDX-License-Identifier: MIT
#include "partition/checks/host_view.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kText =
    "# a comment\n"
    "/proc/cmdline: quiet isolcpus=3\n"
    "/proc/cpuinfo:\n"
    "  processor : 0\n"
    "\n"
    "  processor : 1\n"
    "/sys/bus/pci/devices/0000:03:00.0/numa_node: 1\n"
    "/dev/kvm: <node>\n"
    "/kvmrt/smi: <EACCES>\n";

TEST(SnapshotHost, ReadsBlocksOfOneLineAndOfMany) {
  const auto host = SnapshotHost::from_text(kText).value();
  EXPECT_EQ(host.read("/proc/cmdline").text, "quiet isolcpus=3");
  EXPECT_EQ(host.read("/proc/cpuinfo").text, "processor : 0\n\nprocessor : 1");
  EXPECT_EQ(host.read("/sys/bus/pci/devices/0000:03:00.0/numa_node").text, "1");
}

TEST(SnapshotHost, TellsAbsentFromForbiddenFromMereNode) {
  const auto host = SnapshotHost::from_text(kText).value();
  EXPECT_EQ(host.read("/proc/none").error, ENOENT);
  EXPECT_EQ(host.read("/kvmrt/smi").error, EACCES);
  EXPECT_TRUE(host.exists("/dev/kvm"));
  EXPECT_FALSE(host.read("/dev/kvm").ok());
  EXPECT_FALSE(host.exists("/dev/none"));
}

TEST(SnapshotHost, ListsFoldersThatItsFilesImply) {
  const auto host = SnapshotHost::from_text(kText).value();
  EXPECT_EQ(host.list("/proc"), (std::vector<std::string>{"cmdline", "cpuinfo"}));
  EXPECT_EQ(host.list("/sys/bus/pci/devices"), (std::vector<std::string>{"0000:03:00.0"}));
  EXPECT_TRUE(host.exists("/sys/bus/pci"));
  EXPECT_TRUE(host.list("/nowhere").empty());
}

TEST(SnapshotHost, RefusesTextThatBelongsToNoBlock) {
  EXPECT_FALSE(SnapshotHost::from_text("hello\n"));
  EXPECT_FALSE(SnapshotHost::from_text("  indented before any path\n"));
  EXPECT_FALSE(SnapshotHost::from_text("/no/colon\n"));
  EXPECT_TRUE(SnapshotHost::from_text(""));
}

class FolderHostTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("kvmrt-view-" + std::to_string(::getpid()));
    std::filesystem::create_directories(root_ / "proc/irq/24");
    std::ofstream(root_ / "proc/cmdline") << "quiet\n";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::filesystem::path root_;
};

TEST_F(FolderHostTest, SeesFilesBelowItsRootOnly) {
  const auto host = open_host(root_, {});
  EXPECT_EQ(host->read("/proc/cmdline").text, "quiet\n");
  EXPECT_EQ(host->list("/proc/irq"), (std::vector<std::string>{"24"}));
  EXPECT_TRUE(host->exists("/proc/irq/24"));
  EXPECT_FALSE(host->exists("/proc/self"));
  EXPECT_EQ(host->read("/proc/version").error, ENOENT);
}

TEST_F(FolderHostTest, KeepsWhatItReadOnce) {
  const auto host = open_host(root_, {});
  EXPECT_EQ(host->read("/proc/cmdline").text, "quiet\n");
  std::ofstream(root_ / "proc/cmdline") << "changed\n";
  EXPECT_EQ(host->read("/proc/cmdline").text, "quiet\n");
}

TEST_F(FolderHostTest, TakesAFileForASnapshotAndSaysWhenItIsNone) {
  std::ofstream(root_ / "good.host") << kText;
  std::ofstream(root_ / "bad.host") << "no snapshot\n";
  EXPECT_EQ(open_host(root_ / "good.host", {})->read("/proc/cmdline").text, "quiet isolcpus=3");
  EXPECT_THROW(open_host(root_ / "bad.host", {}), SystemError);
  EXPECT_THROW(open_host(root_ / "absent.host", {}), SystemError);
}

}  // namespace
}  // namespace kvmrt::partition::checks
