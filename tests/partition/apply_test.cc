// SPDX-License-Identifier: MIT
// The real kernel of this machine: needs root and two CPUs; gives back what it takes.
#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"
#include "tests/partition/real_host.h"

namespace kvmrt::partition {
namespace {

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

TEST_F(RealHost, ReservesHugePagesOnANodeForAGuestAndReturnsThem) {
  const Sleeper supervisor;
  const std::string knob = pages_knob(NodeId(0), mib(2));
  const auto before = read_knob(*host, knob);
  if (!before) GTEST_SKIP() << "no huge pages of 2 MiB on node 0";
  const auto free = host->read(knob.substr(0, knob.rfind('/')) + "/free_hugepages");
  Lease lease = last_cpu(*host, state, supervisor);
  lease.plan.owned_cpus = lease.plan.offline_cpus = {};
  lease.plan.rt = false;
  lease.plan.numa_nodes = {0};
  lease.request.hugepages = mib(2);
  lease.request.memory = mib(2 * (std::stoull(*free) + 3));
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({lease}, HostPolicy{});
  ASSERT_TRUE(done) << to_string(done.problems().front());
  EXPECT_EQ(read_knob(*host, knob), std::to_string(std::stoull(*before) + 3));
  EXPECT_TRUE(keeper.release("apply-test").left.empty());
  EXPECT_EQ(read_knob(*host, knob), before);
  EXPECT_FALSE(run.has_ledger());
}

/// Forks without end, as a build does; the children live on.
class Storm {
 public:
  Storm() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::setpgid(0, 0);
    for (int i = 0; i < 20000; ++i) {
      if (::fork() == 0) {
        ::alarm(60);
        while (true) ::pause();
      }
      ::usleep(300);
    }
    ::_exit(0);
  }
  ~Storm() {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  [[nodiscard]] bool has(const Task& task) const {
    return task.tid.value() == pid_ || task.parent.value() == pid_;
  }

 private:
  int pid_;
};

TEST_F(RealHost, LeavesNoNarrowedMaskBehindInAStormOfForks) {
  const Sleeper supervisor;
  const Storm storm;
  const CpuSet last = CpuSet::of(*state.online.highest());
  Keeper keeper(host, run.path());
  ASSERT_TRUE(keeper.acquire({last_cpu(*host, state, supervisor)}, HostPolicy{}));
  for (const Task& task : host->tasks()) {
    if (!storm.has(task)) continue;
    EXPECT_FALSE(task.cpus.intersects(last)) << to_string(task.tid);
  }
  EXPECT_TRUE(keeper.release("apply-test").left.empty());
  for (const Task& task : host->tasks()) {
    if (!storm.has(task)) continue;
    EXPECT_EQ(task.cpus, state.online);
  }
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
