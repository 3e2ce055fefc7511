// SPDX-License-Identifier: MIT
#include "launcher/machine_probe.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

TEST(VersionText, IsReadFromWhatQemuPrints) {
  EXPECT_EQ(parse_version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\n"
                          "Copyright (c) 2003-2022 Fabrice Bellard and others\n"),
            (QemuVersion{7, 2}));
  EXPECT_EQ(parse_version("QEMU emulator version 10.0.13"), (QemuVersion{10, 0}));
}

TEST(VersionText, IsNotGuessedFromOtherPrograms) {
  for (const char* const text : {"", "QEMU", "QEMU emulator version ", "QEMU emulator version x.2",
                                 "QEMU emulator version 7", "bash, version 5.2.15(1)-release"})
    EXPECT_FALSE(parse_version(text)) << text;
}

TEST(QemuVersions, AreOrderedByNumberNotByText) {
  EXPECT_LT((QemuVersion{9, 2}), (QemuVersion{10, 0}));
  EXPECT_LT((QemuVersion{7, 2}), (QemuVersion{7, 10}));
}

/// A program that prints a version and counts in a file how often it was asked.
class VersionProbe : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "kvmrt-probe-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    install("7.2.22");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void install(const std::string& version) {
    const fs::path fresh = folder_ / "fresh";
    std::ofstream(fresh) << "#!/bin/sh\necho asked >> " << folder_.string() << "/asked\n"
                         << "echo 'QEMU emulator version " << version << "'\n";
    fs::permissions(fresh, fs::perms::owner_all);
    fs::rename(fresh, binary());
  }

  [[nodiscard]] fs::path binary() const { return folder_ / "qemu"; }
  [[nodiscard]] std::size_t asked() const {
    const std::string text = read_file_if_any(folder_ / "asked").value_or("");
    return lines_of(text).size();
  }

  fs::path folder_;
};

TEST_F(VersionProbe, AsksOncePerFile) {
  EXPECT_EQ(probe_version(binary(), folder_), (QemuVersion{7, 2}));
  EXPECT_EQ(probe_version(binary(), folder_), (QemuVersion{7, 2}));
  EXPECT_EQ(asked(), 1U);
}

TEST_F(VersionProbe, AsksAgainAfterAnUpgradeAndForgetsTheOldFile) {
  probe_version(binary(), folder_);
  install("10.0.2");
  EXPECT_EQ(probe_version(binary(), folder_), (QemuVersion{10, 0}));
  EXPECT_EQ(probe_version(binary(), folder_), (QemuVersion{10, 0}));
  EXPECT_EQ(asked(), 2U);
  EXPECT_EQ(lines_of(read_file(folder_ / "qemu-versions")).size(), 1U);
}

TEST_F(VersionProbe, RemembersSeveralPrograms) {
  fs::copy(binary(), folder_ / "other");
  probe_version(binary(), folder_);
  probe_version(folder_ / "other", folder_);
  probe_version(binary(), folder_);
  probe_version(folder_ / "other", folder_);
  EXPECT_EQ(asked(), 2U);
}

TEST_F(VersionProbe, DoesWithoutACacheThatIsBrokenOrCannotBeWritten) {
  std::ofstream(folder_ / "qemu-versions") << "\0x.y rubbish\n\n7.\n";
  EXPECT_EQ(probe_version(binary(), folder_), (QemuVersion{7, 2}));
  EXPECT_EQ(probe_version(binary(), folder_ / "absent"), (QemuVersion{7, 2}));
  EXPECT_EQ(probe_version(binary(), "/proc"), (QemuVersion{7, 2}));
  EXPECT_EQ(asked(), 3U);
}

TEST_F(VersionProbe, SaysWhichProgramIsNoQemu) {
  EXPECT_THROW(probe_version("/bin/true", folder_), SystemError);
  EXPECT_THROW(probe_version(folder_ / "absent", folder_), SystemError);
}

TEST_F(VersionProbe, FindsAProgramInPathAndByPath) {
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", ("/nonexistent:" + folder_.string()).c_str(), 1);
  EXPECT_EQ(find_program("qemu"), fs::canonical(binary()));
  EXPECT_THROW(find_program("no-such-qemu"), SystemError);
  ::setenv("PATH", before.c_str(), 1);
  fs::create_symlink(binary(), folder_ / "link");
  EXPECT_EQ(find_program(folder_ / "link"), fs::canonical(binary()));
  EXPECT_THROW(find_program(folder_), SystemError) << "a folder is no program";
}

}  // namespace
}  // namespace kvmrt::launcher
