// SPDX-License-Identifier: MIT
#include "launcher/vm_state.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using partition::Policy;
using partition::ThreadClass;

VmState full_state() {
  VmState state;
  state.name = "line3";
  state.uuid = "00000000-1111-2222-3333-444444444444";
  state.status = VmStatus::running;
  state.boot_id = boot_id();
  state.supervisor = own_process();
  state.qemu = ProcessId{Pid(71), 99};
  state.started_at = 1234567890;
  state.nr_vcpus = 2;
  state.rt = state.rt_memory = true;
  state.promoted = false;
  state.kvm = false;
  state.memory = gib(2);
  state.profile_path = "/etc/kvmrt/line3.yaml";
  state.profile_digest = "abc";
  state.message = "broken \xff byte\nand line";
  state.exit_code = 12;
  state.reported = {{{0, Tid(72)}}, {{"io0", Tid(73)}}};
  state.plan.name = "line3";
  state.plan.rt = true;
  state.plan.cpuset = {4, 5};
  state.plan.threads = {{ThreadClass::emulator, {}, "emulator", {4}, {}},
                        {ThreadClass::vcpu, 0, "vcpu0", {5}, {Policy::fifo, 1}},
                        {ThreadClass::iothread, {}, "io0", {4}, {Policy::rr, 9}}};
  state.plan.emulator_cpus = {4};
  state.plan.owned_cpus = {4, 5, 12, 13};
  state.plan.offline_cpus = {12, 13};
  state.plan.housekeeping_cpus = {0, 1};
  state.plan.numa_nodes = {0};
  return state;
}

TEST(VmState, ComesBackFromItsFile) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  const VmState state = full_state();
  write_state(folder, state);
  const auto read = read_state(folder);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->plan, state.plan);
  EXPECT_EQ(read->reported.vcpus, state.reported.vcpus);
  EXPECT_EQ(read->reported.iothreads, state.reported.iothreads);
  EXPECT_EQ(read->supervisor, state.supervisor);
  EXPECT_EQ(read->qemu, state.qemu);
  EXPECT_EQ(read->memory, gib(2));
  EXPECT_EQ(read->exit_code, 12);
  EXPECT_FALSE(read->promoted);
  EXPECT_EQ(state_to_json(*state_from_json(state_to_json(*read))), state_to_json(*read));
}

TEST(VmState, IsNothingWhenTheFileIsAbsentOrDamaged) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  EXPECT_FALSE(read_state(folder));
  const std::string text = state_to_json(full_state());
  for (const auto& damaged : {std::string(), text.substr(0, text.size() / 2), std::string("[]"),
                              std::string("{\"name\": 3}")})
    EXPECT_FALSE(state_from_json(damaged)) << damaged;
}

TEST(VmState, OfALivingSupervisorIsAsWritten) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  write_state(folder, full_state());
  EXPECT_EQ(present_state(folder)->status, VmStatus::running);
}

TEST(VmState, IsUnsupervisedWhenOnlyQemuLives) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  VmState state = full_state();
  state.supervisor.start_time = 1;
  state.qemu = own_process();
  write_state(folder, state);
  EXPECT_EQ(present_state(folder)->status, VmStatus::unsupervised);
}

TEST(VmState, IsFailedWhenBothWereKilledAndStoppedWhenTheyEnded) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  VmState state = full_state();
  state.supervisor.start_time = 1;
  write_state(folder, state);
  EXPECT_EQ(present_state(folder)->status, VmStatus::failed);
  state.status = VmStatus::stopped;
  write_state(folder, state);
  EXPECT_EQ(present_state(folder)->status, VmStatus::stopped);
}

TEST(VmState, OfAnotherBootIsNone) {
  const test::TemporaryFolder root;
  const VmFolder folder = make_vm_folder("line3", root.path());
  VmState state = full_state();
  state.boot_id = "another";
  write_state(folder, state);
  EXPECT_FALSE(present_state(folder));
}

}  // namespace
}  // namespace kvmrt::launcher
