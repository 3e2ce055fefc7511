// SPDX-License-Identifier: MIT
// A start that fails says which step, what it was to reach, and the way out; and leaves no child.
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "launcher/spawn.h"

namespace kvmrt::launcher {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

bool may(int capability) { return own_capabilities().effective.has(capability); }

ChildSpec sleeper() {
  ChildSpec spec;
  spec.executable = "/bin/sleep";
  spec.argv = {"sleep", "60"};
  return spec;
}

/// The error of a start that must fail; and nothing is left behind.
SystemError failure_of(const ChildSpec& spec) {
  try {
    spawn(spec);
  } catch (const SystemError& error) {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left behind";
    EXPECT_EQ(errno, ECHILD);
    return error;
  }
  ADD_FAILURE() << "it started";
  return {"nothing", "failed", 0};
}

TEST(FailedSpawn, TellsAProgramThatIsNotThere) {
  ChildSpec spec = sleeper();
  spec.executable = "/nonexistent/qemu";
  const SystemError error = failure_of(spec);
  EXPECT_EQ(error.error_number(), ENOENT);
  EXPECT_STREQ(error.what(), "execute /nonexistent/qemu: No such file or directory");
}

TEST(FailedSpawn, TellsWhichCpusCouldNotBeHad) {
  ChildSpec spec = sleeper();
  spec.cpus = {4000};
  const SystemError error = failure_of(spec);
  EXPECT_STREQ(error.what(), "set CPU affinity of sleep to 4000: Invalid argument");
  EXPECT_THAT(error.hint(), HasSubstr("online"));
}

TEST(FailedSpawn, TellsWhichNodeCouldNotBeHad) {
  ChildSpec spec = sleeper();
  spec.memory_nodes = {900};
  EXPECT_THAT(failure_of(spec).what(), StartsWith("bind memory of sleep to node 900: "));
}

TEST(FailedSpawn, TellsWhichLimitCouldNotBeRaised) {
  rlimit now{};
  ::getrlimit(RLIMIT_MEMLOCK, &now);
  if (may(CAP_SYS_RESOURCE) || now.rlim_max == RLIM_INFINITY)
    GTEST_SKIP() << "this process may raise limits";
  ChildSpec spec = sleeper();
  spec.confinement.limits = {unlimited(RLIMIT_MEMLOCK)};
  const SystemError error = failure_of(spec);
  EXPECT_STREQ(error.what(), "set RLIMIT_MEMLOCK of sleep to unlimited: Operation not permitted");
  EXPECT_THAT(error.hint(), HasSubstr("CAP_SYS_RESOURCE"));
}

TEST(FailedSpawn, TellsWhichUserItCouldNotBecome) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  // Without the right to change the user; inherited by nobody but this thread's child.
  const pid_t tester = ::fork();
  if (tester == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    ChildSpec spec = sleeper();
    spec.confinement.user = Credentials{"games", 5, 60, {60}};
    try {
      spawn(spec);
    } catch (const SystemError& error) {
      ::_exit(error.what() == std::string("run sleep as user games: Operation not permitted") ? 0
                                                                                              : 1);
    }
    ::_exit(3);
  }
  int status = -1;
  ::waitpid(tester, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FailedSpawn, TellsAFolderOrCgroupThatIsNotThere) {
  ChildSpec in_folder = sleeper();
  in_folder.working_directory = "/nonexistent";
  EXPECT_STREQ(failure_of(in_folder).what(),
               "enter folder for sleep /nonexistent: No such file or directory");
  ChildSpec in_cgroup = sleeper();
  in_cgroup.cgroup = "/sys/fs/cgroup/nonexistent";
  EXPECT_THAT(failure_of(in_cgroup).what(), EndsWith("nonexistent: No such file or directory"));
}

}  // namespace
}  // namespace kvmrt::launcher
