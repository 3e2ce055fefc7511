// SPDX-License-Identifier: MIT
#include "launcher/shared_memory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

TEST(SharedMemory, IsThereAsLongAsSomebodyUsesIt) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "kvmrt-plc";
  const auto stranger = folder.write("/other", "x");
  Fd first = open_shared_memory(path, {});
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0600));
  Fd second = open_shared_memory(path, {});
  first.reset();
  drop_unused_shared_memory(folder.path());
  EXPECT_TRUE(fs::exists(path));
  second.reset();
  drop_unused_shared_memory(folder.path());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(stranger));
}

TEST(SharedMemory, IsNotLookedForBehindALink) {
  const test::TemporaryFolder folder;
  const auto victim = folder.write("/victim", "precious");
  fs::create_symlink(victim, folder.path() / "kvmrt-plc");
  EXPECT_THROW((void)open_shared_memory(folder.path() / "kvmrt-plc", {}), SystemError);
  EXPECT_EQ(fs::file_size(victim), 8U);
}

}  // namespace
}  // namespace kvmrt::launcher
