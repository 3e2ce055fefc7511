// SPDX-License-Identifier: MIT
#include "launcher/process.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A child that waits for a signal.
class Waiting {
 public:
  Waiting() : pid_(::fork()) {
    if (pid_ == 0)
      for (;;) ::pause();
    id_ = *identify(Pid(pid_));
  }
  ~Waiting() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  [[nodiscard]] const ProcessId& id() const { return id_; }

 private:
  pid_t pid_;
  ProcessId id_;
};

TEST(Process, KnowsItself) {
  EXPECT_EQ(own_process().pid, Pid(::getpid()));
  EXPECT_TRUE(alive(own_process()));
}

TEST(Process, IsNotTheOneThatHadTheNumberBefore) {
  ProcessId earlier = own_process();
  earlier.start_time -= 1;
  EXPECT_FALSE(alive(earlier));
  EXPECT_FALSE(open_process(earlier));
}

TEST(Process, IsGoneWhenItIsAZombie) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(3);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  const auto zombie = identify(Pid(pid));
  ASSERT_TRUE(zombie);
  EXPECT_FALSE(alive(*zombie));
  ::waitpid(pid, nullptr, 0);
  EXPECT_FALSE(identify(Pid(pid)));
}

TEST(Process, EndsBySignalAndIsReapedOnce) {
  const Waiting waiting;
  const auto pidfd = open_process(waiting.id());
  ASSERT_TRUE(pidfd);
  EXPECT_FALSE(reap(*pidfd));
  EXPECT_FALSE(reap_within(*pidfd, 20ms));
  EXPECT_TRUE(send_signal(*pidfd, SIGTERM));
  const auto status = reap_within(*pidfd, 5s);
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, (ExitStatus{ExitStatus::Kind::killed, SIGTERM, false}));
  EXPECT_EQ(to_string(*status), "killed by signal 15 (Terminated)");
  EXPECT_FALSE(send_signal(*pidfd, SIGTERM));
}

TEST(Process, TellsItsExitStatus) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::usleep(20000);
    ::_exit(11);
  }
  const auto pidfd = open_process(*identify(Pid(pid)));
  ASSERT_TRUE(pidfd);
  const auto status = reap_within(*pidfd, 5s);
  ASSERT_TRUE(status);
  EXPECT_EQ(to_string(*status), "exit status 11");
  EXPECT_FALSE(status->success());
}

TEST(Process, ReadsTheStartTimeBehindANameWithBracketsAndBlanks) {
  const test::TemporaryFolder root;
  root.write("/proc/77/stat",
             "77 (a ) R (b) S 1 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n");
  const auto process = identify(Pid(77), root.path());
  ASSERT_TRUE(process);
  EXPECT_EQ(process->start_time, 987654U);
  EXPECT_TRUE(alive(*process, root.path()));
}

TEST(StuckReport, NamesTheThreadsThatCannotBeInterruptedAndWhereTheyWait) {
  const test::TemporaryFolder root;
  const std::string rest = " 1 77 77 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n";
  root.write("/proc/77/stat", "77 (qemu) S" + rest);
  root.write("/proc/77/task/77/stat", "77 (qemu) S" + rest);
  root.write("/proc/77/task/78/stat", "78 (CPU 0/KVM) D" + rest);
  root.write("/proc/77/task/78/comm", "CPU 0/KVM\n");
  root.write("/proc/77/task/78/wchan", "rq_qos_wait");
  EXPECT_EQ(stuck_report(Pid(77), root.path()),
            "thread 78 (CPU 0/KVM) is in state D in rq_qos_wait");
}

TEST(StuckReport, TellsTheStateWhereNoThreadIsStuck) {
  const Waiting waiting;
  EXPECT_THAT(stuck_report(waiting.id().pid), HasSubstr("is in state"));
  EXPECT_EQ(stuck_report(Pid(0x3fffffff)), "");
}

}  // namespace
}  // namespace kvmrt::launcher
