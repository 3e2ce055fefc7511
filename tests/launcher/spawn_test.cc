// SPDX-License-Identifier: MIT
#include "launcher/spawn.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

bool may(int capability) { return own_capabilities().effective.has(capability); }

ChildSpec sleeper() {
  ChildSpec spec;
  spec.executable = "/bin/sleep";
  spec.argv = {"sleep", "60"};
  spec.environment = {"PATH=/bin"};
  return spec;
}

/// Ends with the test.
class Running {
 public:
  explicit Running(const ChildSpec& spec) : child_(spawn(spec)) {}
  ~Running() {
    send_signal(child_.pidfd, SIGKILL);
    reap_within(child_.pidfd, 5s);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  [[nodiscard]] const Child& child() const { return child_; }
  [[nodiscard]] fs::path proc() const { return fs::path("/proc") / to_string(child_.id.pid); }
  [[nodiscard]] std::string status(std::string_view key) const {
    const std::string text = read_file(proc() / "status");
    for (const auto line : lines_of(text))
      if (line.starts_with(key) && line[key.size()] == ':')
        return std::string(trimmed(line.substr(key.size() + 1)));
    return "?";
  }

 private:
  Child child_;
};

/// Descriptor numbers that are open in the process.
std::vector<int> open_descriptors(const fs::path& proc) {
  std::vector<int> numbers;
  for (const auto& entry : fs::directory_iterator(proc / "fd"))
    numbers.push_back(std::stoi(entry.path().filename()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// Runs a shell command as the child and returns what it printed.
std::string output_of(ChildSpec spec, const std::string& command) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd out(ends[0]);
  Fd in(ends[1]);
  spec.executable = "/bin/sh";
  spec.argv = {"sh", "-c", command};
  spec.stdout_fd = in.get();
  const Child child = spawn(spec);
  in.reset();
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(out.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  reap_within(child.pidfd, 5s);
  return text;
}

TEST(Spawn, NamesTheChildByPidAndStartTimeAndHoldsItsPidfd) {
  const Running running(sleeper());
  EXPECT_EQ(identify(running.child().id.pid), running.child().id);
  EXPECT_EQ(trimmed(read_file(running.proc() / "comm")), "sleep");
  EXPECT_FALSE(ended(running.child().pidfd));
  EXPECT_EQ(::fcntl(running.child().pidfd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Spawn, RunsOnTheGivenCpusFromItsFirstInstruction) {
  ChildSpec spec = sleeper();
  spec.cpus = {0};
  EXPECT_EQ(Running(spec).status("Cpus_allowed_list"), "0");
}

TEST(Spawn, GivesExactlyTheGivenEnvironmentAndFolder) {
  ChildSpec spec;
  spec.environment = {"COLOUR=green"};
  spec.working_directory = "/usr";
  EXPECT_EQ(output_of(spec, "echo $COLOUR $HOME; pwd"), "green\n/usr\n");
}

TEST(Spawn, ClosesAllDescriptorsButThoseHandedOver) {
  const Fd leaked(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const Fd given(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ChildSpec spec = sleeper();
  spec.fds = {{9, given.get()}};
  const Running running(spec);
  EXPECT_THAT(open_descriptors(running.proc()), ElementsAre(0, 1, 2, 9));
  EXPECT_EQ(fs::read_symlink(running.proc() / "fd/9"), "/dev/zero");
  EXPECT_EQ(fs::read_symlink(running.proc() / "fd/0"), "/dev/null");
}

TEST(Spawn, HandsOverDescriptorsWhoseNumbersCross) {
  const test::TemporaryFolder folder;
  const Fd first(::open(folder.write("first", "").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd second(::open(folder.write("second", "").c_str(), O_RDONLY | O_CLOEXEC));
  ChildSpec spec = sleeper();
  spec.fds = {{first.get(), second.get()}, {second.get(), first.get()}};
  const Running running(spec);
  const auto target = [&](const Fd& fd) {
    return fs::read_symlink(running.proc() / "fd" / std::to_string(fd.get())).filename();
  };
  EXPECT_EQ(target(first), "second");
  EXPECT_EQ(target(second), "first");
}

TEST(Spawn, ResetsSignalsThatTheParentIgnoresOrBlocks) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  const Running running(sleeper());
  ::signal(SIGPIPE, old);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(running.status("SigBlk"), "0000000000000000");
  EXPECT_EQ(running.status("SigIgn"), "0000000000000000");
}

TEST(Spawn, MakesItASessionLeaderWithItsUmaskLimitsAndOomScore) {
  ChildSpec spec = sleeper();
  spec.umask = 027;
  spec.oom_score_adj = 137;
  spec.confinement.limits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 77, 78}};
  const Running running(spec);
  EXPECT_EQ(::getsid(running.child().id.pid.value()), running.child().id.pid.value());
  EXPECT_EQ(running.status("Umask"), "0027");
  EXPECT_EQ(trimmed(read_file(running.proc() / "oom_score_adj")), "137");
  EXPECT_EQ(running.status("NoNewPrivs"), "1");
  rlimit limit{};
  ::prlimit(running.child().id.pid.value(), RLIMIT_NOFILE, nullptr, &limit);
  EXPECT_EQ(limit.rlim_cur, 77U);
  EXPECT_EQ(limit.rlim_max, 78U);
}

TEST(Spawn, BindsMemoryToTheNodes) {
  if (!fs::exists("/proc/self/numa_maps")) GTEST_SKIP() << "kernel without NUMA";
  ChildSpec spec = sleeper();
  spec.memory_nodes = {0};
  EXPECT_THAT(read_file(Running(spec).proc() / "numa_maps"), HasSubstr(" bind:0 "));
}

TEST(Spawn, RunsAsAnotherUserWithExactlyTheKeptCapability) {
  if (!may(CAP_SETUID) || !may(CAP_IPC_LOCK)) GTEST_SKIP() << "needs root";
  ChildSpec spec = sleeper();
  spec.confinement.user = Credentials{"nobody", 65534, 65534, {65534, 4242}};
  spec.confinement.capabilities = Capabilities::of(CAP_IPC_LOCK);
  const Running running(spec);
  EXPECT_EQ(running.status("Uid"), "65534\t65534\t65534\t65534");
  EXPECT_EQ(running.status("Gid"), "65534\t65534\t65534\t65534");
  EXPECT_EQ(running.status("Groups"), "4242 65534");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(running.status(set), "0000000000004000") << set;
}

TEST(Spawn, RunsAsAnotherUserWithNoCapabilityAtAll) {
  if (!may(CAP_SETUID)) GTEST_SKIP() << "needs root";
  ChildSpec spec = sleeper();
  spec.confinement.user = Credentials{"nobody", 65534, 65534, {65534}};
  spec.confinement.capabilities = Capabilities();
  const Running running(spec);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(running.status(set), "0000000000000000") << set;
}

/// A process that starts a child and is killed at once; the child's pid.
Pid orphan_of(const ChildSpec& spec) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const Child child = spawn(spec);
    const int pid = child.id.pid.value();
    const ssize_t put = ::write(ends[1], &pid, sizeof pid);
    ::_exit(put == sizeof pid ? 0 : 1);
  }
  ::close(ends[1]);
  int pid = -1;
  EXPECT_EQ(::read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ::close(ends[0]);
  ::waitpid(parent, nullptr, 0);
  return Pid(pid);
}

bool gone_within(Pid pid, std::chrono::milliseconds patience) {
  const auto process = identify(pid);
  if (!process || !alive(*process)) return true;
  const auto pidfd = open_process(*process);
  return !pidfd || ended(*pidfd, patience);
}

TEST(Spawn, DiesWithItsParentAlsoAsAnotherUser) {
  if (!may(CAP_SETUID)) GTEST_SKIP() << "needs root";
  ChildSpec spec = sleeper();
  spec.die_with_parent = SIGKILL;
  spec.confinement.user = Credentials{"nobody", 65534, 65534, {65534}};
  spec.confinement.capabilities = Capabilities::of(CAP_IPC_LOCK);
  EXPECT_TRUE(gone_within(orphan_of(spec), 5s));
}

TEST(Spawn, OutlivesItsParentWhenNotAskedToDieWithIt) {
  const Pid pid = orphan_of(sleeper());
  EXPECT_FALSE(gone_within(pid, 100ms));
  const auto pidfd = open_process(*identify(pid));
  ASSERT_TRUE(pidfd);
  send_signal(*pidfd, SIGKILL);
}

TEST(Spawn, IsBornInItsCgroup) {
  const fs::path v2 =
      fs::exists("/sys/fs/cgroup/cgroup.controllers") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
  const fs::path folder = v2 / fmt::format("kvmrt-test-{}", ::getpid());
  std::error_code refused;
  if (!fs::create_directory(folder, refused)) GTEST_SKIP() << "no writable cgroup v2";
  ChildSpec spec = sleeper();
  spec.cgroup = folder;
  {
    const Running running(spec);
    EXPECT_EQ(trimmed(read_file(folder / "cgroup.procs")), to_string(running.child().id.pid));
  }
  EXPECT_TRUE(fs::remove(folder));
}

TEST(Spawn, EntersACgroupOfTheFirstVersionByItself) {
  const fs::path folder = fmt::format("/sys/fs/cgroup/pids/kvmrt-test-{}", ::getpid());
  std::error_code refused;
  if (!fs::create_directory(folder, refused)) GTEST_SKIP() << "no writable cgroup v1";
  ChildSpec spec = sleeper();
  spec.cgroup = folder;
  {
    const Running running(spec);
    EXPECT_EQ(trimmed(read_file(folder / "cgroup.procs")), to_string(running.child().id.pid));
  }
  EXPECT_TRUE(fs::remove(folder));
}

TEST(Spawn, LeavesNoDescriptorOpenInTheParent) {
  const auto before = open_descriptors("/proc/self");
  { const Running running(sleeper()); }
  ChildSpec wrong = sleeper();
  wrong.executable = "/nonexistent";
  EXPECT_THROW(spawn(wrong), SystemError);
  EXPECT_EQ(open_descriptors("/proc/self"), before);
}

TEST(Spawn, TellsWhoIsAboutToRunBeforeItRuns) {
  std::optional<ProcessId> told;
  std::string name;
  ChildSpec spec = sleeper();
  spec.before_exec = [&](const ProcessId& id) {
    told = id;
    name = trimmed(read_file(fs::path("/proc") / to_string(id.pid) / "comm"));
  };
  const Running running(spec);
  EXPECT_EQ(told, running.child().id);
  EXPECT_NE(name, "sleep");
}

TEST(Spawn, NeverRunsAProgramThatCouldNotBeWrittenDown) {
  const test::TemporaryFolder folder;
  const fs::path ran = folder.path() / "ran";
  std::optional<ProcessId> told;
  ChildSpec spec = sleeper();
  spec.executable = "/usr/bin/touch";
  spec.argv = {"touch", ran};
  spec.before_exec = [&](const ProcessId& id) {
    told = id;
    throw SystemError("write", "ledger", ENOSPC);
  };
  EXPECT_THROW(spawn(spec), SystemError);
  ASSERT_TRUE(told);
  EXPECT_FALSE(alive(*told));
  EXPECT_FALSE(fs::exists(ran));
}

/// Whoever dies here does so in a process of its own, which tells its child's id by a file.
TEST(Spawn, NeverRunsAProgramWhoseParentDiedWhileItWroteItDown) {
  const test::TemporaryFolder folder;
  const fs::path ran = folder.path() / "ran";
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    ChildSpec spec = sleeper();
    spec.executable = "/usr/bin/touch";
    spec.argv = {"touch", ran};
    spec.before_exec = [&](const ProcessId& id) {
      folder.write("pid", to_string(id.pid));
      ::kill(::getpid(), SIGKILL);
    };
    spawn(spec);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(supervisor, &status, 0), supervisor);
  ASSERT_TRUE(WIFSIGNALED(status));
  const fs::path proc = "/proc/" + read_file(folder.path() / "pid");
  for (int i = 0; i < 500 && fs::exists(proc / "exe"); ++i) ::usleep(10000);
  EXPECT_FALSE(fs::exists(proc / "exe"));
  EXPECT_FALSE(fs::exists(ran));
}

TEST(Spawn, TakesAboutAMillisecond) {
  Running warm_up(sleeper());
  auto best = 1000ms;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const Running running(sleeper());
    best = std::min(best, std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - start));
  }
  EXPECT_LE(best, 5ms);
}

TEST(CleanEnvironment, KeepsNothingThatTheLoaderOrTheServiceManagerReads) {
  ::setenv("LD_PRELOAD_NOT", "x", 1);
  ::setenv("NOTIFY_SOCKET", "/run/x", 1);
  ::setenv("KVMRT_TEST_KEPT", "yes", 1);
  const auto clean = clean_environment();
  ::unsetenv("LD_PRELOAD_NOT");
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_THAT(clean, ::testing::Contains("KVMRT_TEST_KEPT=yes"));
  EXPECT_THAT(clean, ::testing::Not(::testing::Contains(StartsWith("LD_"))));
  EXPECT_THAT(clean, ::testing::Not(::testing::Contains(StartsWith("NOTIFY_"))));
}

}  // namespace
}  // namespace kvmrt::launcher
