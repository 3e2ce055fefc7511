// SPDX-License-Identifier: MIT
// The real kernel of this machine: needs root and two CPUs; gives back what it takes.
#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "partition/keeper.h"
#include "partition/state.h"
#include "tests/partition/keeper_fixture.h"

namespace kvmrt::partition {
namespace {

/// A child that lives until told otherwise.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      while (true) ::pause();
    }
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_;
};

ProcessId identity(Host& host, int pid) { return {Pid(pid), host.task(Tid(pid))->start_time}; }

/// The last CPU of this machine, on which a VM of one vCPU would live.
Lease last_cpu(Host& host, const HostState& state, const Sleeper& supervisor) {
  Lease lease;
  const CpuSet last = CpuSet::of(*state.online.highest());
  lease.vm = "apply-test";
  lease.supervisor = identity(host, supervisor.pid());
  lease.plan.rt = true;
  lease.plan.owned_cpus = last;
  lease.plan.cpuset = last;
  lease.plan.emulator_cpus = last;
  lease.plan.threads = {{ThreadClass::emulator, std::nullopt, "emulator", last, {}}};
  return lease;
}

std::map<std::string, std::string> picture(Host& host) {
  Interest interest;
  interest.owned = CpuSet::range(0, 63);
  const HostState state = read_state(host, interest);
  std::map<std::string, std::string> all = state.knobs;
  for (const Task& task : state.tasks) {
    if (!task.movable) continue;
    all["task:" + to_string(task.tid) + ":" + std::to_string(task.start_time)] = task.cpus.list();
  }
  return all;
}

void expect_same(const std::map<std::string, std::string>& before,
                 const std::map<std::string, std::string>& after) {
  for (const auto& [knob, value] : before) {
    const auto at = after.find(knob);
    if (at == after.end()) continue;  // a task that ended, a device that went
    EXPECT_EQ(at->second, value) << knob;
  }
}

class RealHost : public testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    if (read_state(*host, {}).online.count() < 2) GTEST_SKIP() << "needs two CPUs";
    state = read_state(*host, {});
  }
  std::shared_ptr<Host> host = this_host();
  HostState state;
  RunDir run;
};

TEST_F(RealHost, LosesItsLastCpuToAVmAndGetsItBackExactly) {
  const Sleeper supervisor;
  const Sleeper everywhere;
  Sleeper pinned;
  const CpuSet last = CpuSet::of(*state.online.highest());
  ASSERT_EQ(host->set_affinity(Tid(pinned.pid()), last), 0);
  const auto before = picture(*host);
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({last_cpu(*host, state, supervisor)}, HostPolicy{});
  ASSERT_TRUE(done) << to_string(done.problems().front());
  EXPECT_FALSE(host->task(Tid(everywhere.pid()))->cpus.intersects(last));
  EXPECT_FALSE(host->task(Tid(pinned.pid()))->cpus.intersects(last));
  EXPECT_FALSE(host->task(Tid(2))->cpus.intersects(last)) << "kthreadd";
  const Sleeper born_meanwhile;
  const auto strangers = keeper.drift();
  EXPECT_TRUE(strangers.changes.empty()) << strangers.changes.front().knob;
  const Released released = keeper.release("apply-test");
  EXPECT_TRUE(released.left.empty());
  expect_same(before, picture(*host));
  EXPECT_EQ(host->task(Tid(born_meanwhile.pid()))->cpus, state.online);
  EXPECT_FALSE(run.has_ledger());
}

TEST_F(RealHost, IsRecoveredAfterItsSupervisorWasKilled) {
  const auto before = picture(*host);
  Sleeper supervisor;
  Sleeper qemu;
  const Lease lease = last_cpu(*host, state, supervisor);
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({lease}, HostPolicy{}));
  keeper.mark_qemu("apply-test", identity(*host, qemu.pid()));
  EXPECT_TRUE(keeper.recover().changes.empty()) << "its supervisor lives";
  supervisor.end();
  // The child must be reaped by us for its pidfd to be done with; SIGKILL comes from recover.
  const Released released = keeper.recover();
  EXPECT_TRUE(released.left.empty());
  int status = 0;
  EXPECT_EQ(::waitpid(qemu.pid(), &status, WNOHANG), qemu.pid());
  EXPECT_TRUE(WIFSIGNALED(status));
  expect_same(before, picture(*host));
}

}  // namespace
}  // namespace kvmrt::partition
