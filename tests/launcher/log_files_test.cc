// SPDX-License-Identifier: MIT
#include "launcher/log_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

TEST(Rotate, KeepsSoManyOldLogs) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "qemu.log";
  for (const char* run : {"first", "second", "third", "fourth"}) {
    const Fd fd = open_log(log, 2);
    ASSERT_GT(::write(fd.get(), run, std::string_view(run).size()), 0);
  }
  EXPECT_EQ(read_file(log), "fourth");
  EXPECT_EQ(read_file(log.string() + ".1"), "third");
  EXPECT_EQ(read_file(log.string() + ".2"), "second");
  EXPECT_FALSE(fs::exists(log.string() + ".3"));
}

TEST(Rotate, DoesNotSpendAPlaceOnAnEmptyLog) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.write("qemu.log", "words");
  for (int i = 0; i < 3; ++i) open_log(log, 2);
  EXPECT_EQ(read_file(log.string() + ".1"), "words");
  EXPECT_FALSE(fs::exists(log.string() + ".2"));
}

TEST(OpenLog, IsPrivateAndDoesNotFollowALink) {
  const test::TemporaryFolder folder;
  struct stat facts {};
  const Fd fd = open_log(folder.path() / "qemu.log");
  ASSERT_EQ(::fstat(fd.get(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const fs::path victim = folder.write("victim", "");
  fs::create_symlink(victim, folder.path() / "link.log");
  EXPECT_ANY_THROW(open_log(folder.path() / "link.log"));
}

TEST(LogTail, IsTheLastLinesWithoutControlBytes) {
  const test::TemporaryFolder folder;
  const auto log = folder.write("qemu.log", "one\ntwo\nthree \x1b[31m\x01\nfour");
  EXPECT_EQ(log_tail(log, 2), "three ?[31m?\nfour\n");
  EXPECT_EQ(log_tail(folder.path() / "none"), "");
}

TEST(LogTail, BeginsWithAWholeLineAlsoInALongLog) {
  const test::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(log_tail(folder.write("qemu.log", text), 100, Bytes(20)), "line 998\nline 999\n");
}

}  // namespace
}  // namespace kvmrt::launcher
