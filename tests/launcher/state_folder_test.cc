// SPDX-License-Identifier: MIT
#include "launcher/state_folder.h"

#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

unsigned mode_of(const fs::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

std::string refusal_of(const fs::path& root) {
  try {
    make_vm_folder("line3", root);
  } catch (const SystemError& error) {
    return std::string(error.what()) + " / " + error.hint();
  }
  return "";
}

TEST(StateFolder, StandsWhereTheVariableSays) {
  ::unsetenv("KVMRT_RUNDIR");
  EXPECT_EQ(state_root(), "/run/kvmrt");
  ::setenv("KVMRT_RUNDIR", "/tmp/elsewhere", 1);
  EXPECT_EQ(state_root(), "/tmp/elsewhere");
  ::setenv("KVMRT_RUNDIR", "", 1);
  EXPECT_EQ(state_root(), "/run/kvmrt");
  ::unsetenv("KVMRT_RUNDIR");
}

TEST(StateFolder, IsForItsOwnerOnlyWhateverTheUmask) {
  const test::TemporaryFolder folder;
  for (const mode_t mask : {0000U, 0777U}) {
    const fs::path root = folder.path() / "deep" / std::to_string(mask);
    fs::create_directories(root.parent_path());
    const mode_t before = ::umask(mask);
    const VmFolder vm = make_vm_folder("line3", root);
    ::umask(before);
    EXPECT_EQ(vm.path(), root / "vms/line3");
    for (const auto& made : {root, root / "vms", vm.path()}) EXPECT_EQ(mode_of(made), 0700U);
  }
}

TEST(StateFolder, MayExistAlready) {
  const test::TemporaryFolder folder;
  make_vm_folder("line3", folder.path());
  make_vm_folder("line4", folder.path());
  EXPECT_EQ(refusal_of(folder.path()), "");
  EXPECT_THAT(vm_names(folder.path()), ElementsAre("line3", "line4"));
  EXPECT_THAT(vm_names(folder.path() / "none"), IsEmpty());
}

TEST(StateFolder, RefusesASymbolicLink) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder.path() / "real");
  fs::create_directory_symlink(folder.path() / "real", folder.path() / "link");
  EXPECT_THAT(refusal_of(folder.path() / "link"), HasSubstr("no symbolic link"));
}

TEST(StateFolder, RefusesAFile) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(refusal_of(folder.write("file", "")), HasSubstr("must be a folder"));
}

TEST(StateFolder, RefusesAFolderOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const test::TemporaryFolder folder;
  ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  EXPECT_THAT(refusal_of(folder.path()), HasSubstr("belongs to user 65534"));
}

TEST(StateFolder, RefusesAFolderThatOthersWriteToAndDoesNotChangeIt) {
  const test::TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms(01777));
  EXPECT_THAT(refusal_of(folder.path()), HasSubstr("others may write"));
  EXPECT_EQ(mode_of(folder.path()), 01777U);
}

TEST(StateFolder, RefusesNamesThatLeadElsewhere) {
  for (const char* name : {"", ".", "..", "a/b", "../x"})
    EXPECT_THROW(vm_folder(name, "/run/kvmrt"), SystemError) << name;
}

TEST(VmLock, NamesTheHolderToASecondOne) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  EXPECT_FALSE(lock_holder(folder));
  auto first = lock_vm(folder);
  ASSERT_TRUE(std::holds_alternative<VmLock>(first));
  const auto second = lock_vm(folder);
  ASSERT_TRUE(std::holds_alternative<HeldBy>(second));
  EXPECT_EQ(std::get<HeldBy>(second).pid, Pid(::getpid()));
  ASSERT_TRUE(lock_holder(folder));
  EXPECT_EQ(lock_holder(folder)->pid, Pid(::getpid()));
}

TEST(VmLock, IsFreeWhenItsHolderWasKilled) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = lock_vm(folder);
    const char held = std::holds_alternative<VmLock>(lock) ? 'y' : 'n';
    const ssize_t put = ::write(ends[1], &held, 1);
    for (;;)
      if (put == 1) ::pause();
  }
  char held = 0;
  ASSERT_EQ(::read(ends[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  const auto refused = lock_vm(folder);
  ASSERT_TRUE(std::holds_alternative<HeldBy>(refused));
  EXPECT_EQ(std::get<HeldBy>(refused).pid, Pid(holder));
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_FALSE(lock_holder(folder));
  EXPECT_TRUE(std::holds_alternative<VmLock>(lock_vm(folder)));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(VmLock, IsNotInheritedByQemu) {
  const test::TemporaryFolder root;
  const auto lock = lock_vm(make_vm_folder("line3", root.path()));
  EXPECT_EQ(::fcntl(std::get<VmLock>(lock).fd(), F_GETFD), FD_CLOEXEC);
}

TEST(BootId, IsTheKernels) { EXPECT_EQ(boot_id().size(), 36U); }

}  // namespace
}  // namespace kvmrt::launcher
