// SPDX-License-Identifier: MIT
// A host with SMT and cgroup v2, as the emulated one is: siblings go offline, the rest becomes an
// isolated partition, and everything comes back, also when the keeper is killed in the middle.
#include <gtest/gtest.h>

#include "tests/partition/keeper_fixture.h"
#include "tests/partition/real_host.h"

namespace kvmrt::partition {
namespace {

const CpuSet siblings_of(Host& host, CpuId cpu) {
  const auto text =
      host.read("/sys/devices/system/cpu/cpu" + to_string(cpu) + "/topology/thread_siblings_list");
  return text ? CpuSet::from_list(*text).value_or(CpuSet{}) : CpuSet{};
}

/// The core of the host's last CPU: its first thread for the VM, the others offline.
Lease last_core(Host& host, const HostState& state, const Sleeper& supervisor) {
  Lease lease;
  const CpuSet core = siblings_of(host, *state.online.highest());
  lease.vm = "smt-test";
  lease.supervisor = identity(host, supervisor.pid());
  lease.plan.rt = true;
  lease.plan.owned_cpus = core;
  lease.plan.cpuset = CpuSet::of(*core.lowest());
  lease.plan.offline_cpus = core - lease.plan.cpuset;
  lease.plan.emulator_cpus = lease.plan.cpuset;
  lease.plan.threads = {{ThreadClass::emulator, std::nullopt, "emulator", lease.plan.cpuset, {}}};
  return lease;
}

class SmtHost : public testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    state = read_state(*host, {});
    if (!state.partitions) GTEST_SKIP() << "needs the cgroup v2 cpuset controller";
    if (siblings_of(*host, *state.online.highest()).count() < 2) GTEST_SKIP() << "needs SMT";
    const CpuSet core = siblings_of(*host, *state.online.highest());
    ASSERT_EQ(host->set_affinity(Tid(pinned.pid()), core), 0);
    ASSERT_EQ(host->set_affinity(Tid(elsewhere.pid()), {0}), 0);
    before = picture(*host);
  }
  std::shared_ptr<Host> host = this_host();
  HostState state;
  RunDir run;
  Sleeper supervisor;
  Sleeper pinned;
  Sleeper elsewhere;
  std::map<std::string, std::string> before;
};

TEST_F(SmtHost, BecomesAPartitionWithoutSiblingsAndComesBackExactly) {
  const Lease lease = last_core(*host, state, supervisor);
  Keeper keeper(host, run.path());
  const auto done = keeper.acquire({lease}, HostPolicy{});
  ASSERT_TRUE(done) << to_string(done.problems().front());
  for (const Problem& problem : done->problems) std::cout << to_string(problem) << "\n";
  const HostState during = read_state(*host, {});
  EXPECT_EQ(during.online, state.online - lease.plan.offline_cpus);
  EXPECT_EQ(read_knob(*host, partition_knob("smt-test")), lease.plan.usable_cpus().list());
  EXPECT_EQ(keeper.cgroup_of("smt-test"), "/sys/fs/cgroup/kvmrt-smt-test/vm");
  for (const Task& task : during.tasks) {
    EXPECT_FALSE(task.movable && task.cpus.intersects(lease.plan.usable_cpus())) << task.comm;
  }
  EXPECT_EQ(host->task(Tid(elsewhere.pid()))->cpus, CpuSet{0}) << "its user's pin holds meanwhile";
  const Transition drift = keeper.drift();
  for (const Problem& problem : drift.problems) ADD_FAILURE() << to_string(problem);
  EXPECT_NE(host->write("/sys/fs/cgroup/cgroup.subtree_control", "-cpuset"), 0) << "guarded";
  const Released released = keeper.release("smt-test");
  for (const Problem& problem : released.left) ADD_FAILURE() << to_string(problem);
  expect_same(before, picture(*host));
  EXPECT_FALSE(run.has_ledger());
}

TEST_F(SmtHost, SaysHowManyHugePagesANodeCouldGiveAndTakesNone) {
  const std::string knob = pages_knob(NodeId(0), mib(2));
  const auto count = read_knob(*host, knob);
  ASSERT_TRUE(count);
  Lease lease = last_core(*host, state, supervisor);
  lease.plan.numa_nodes = {0};
  lease.request.hugepages = mib(2);
  lease.request.memory = gib(64);
  try {
    (void)Keeper(host, run.path()).acquire({lease}, HostPolicy{});
    ADD_FAILURE() << "acquired 64 GiB";
  } catch (const SystemError& error) {
    std::cout << error.what() << "\n";
    EXPECT_NE(std::string(error.what()).find("huge pages of 2048kB on node 0"), std::string::npos);
  }
  EXPECT_EQ(read_knob(*host, knob), count);
  expect_same(before, picture(*host));
  EXPECT_FALSE(run.has_ledger());
}

TEST_F(SmtHost, IsRecoveredWhateverTheMomentOfTheKill) {
  for (const int milliseconds : {5, 60, 200, 500, 1200, 3000}) {
    Sleeper owner;
    const Lease lease = last_core(*host, state, owner);
    const int child = ::fork();
    if (child == 0) {
      try {
        const auto done = Keeper(host, run.path()).acquire({lease}, HostPolicy{});
        if (!done) std::cerr << to_string(done.problems().front()) << std::endl;
      } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
      }
      while (true) ::pause();
    }
    ::usleep(static_cast<useconds_t>(milliseconds) * 1000);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    owner.end();
    const Released released = Keeper(host, run.path()).recover();
    for (const Problem& problem : released.left) ADD_FAILURE() << to_string(problem);
    std::cout << "killed after " << milliseconds << " ms: " << released.changes.size()
              << " settings put back\n";
    expect_same(before, picture(*host));
    EXPECT_FALSE(run.has_ledger());
  }
}

}  // namespace
}  // namespace kvmrt::partition
