// SPDX-License-Identifier: MIT
#include "launcher/start_hint.h"

#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

struct Row {
  const char* name;
  const char* said;  ///< as QEMU wrote it
  const char* hint;  ///< how the hint begins
};

class StartHint : public testing::TestWithParam<Row> {};

TEST_P(StartHint, NamesTheKey) {
  EXPECT_TRUE(start_hint(GetParam().said).starts_with(GetParam().hint))
      << start_hint(GetParam().said);
}

INSTANTIATE_TEST_SUITE_P(
    Words, StartHint,
    testing::Values(
        Row{"WriteLock",
            "Failed to get \"write\" lock\nIs another process using the image [d.raw]?", "disks:"},
        Row{"SharedLock", "Failed to get shared \"write\" lock", "disks:"},
        Row{"Forward",
            "-netdev user,id=net0,hostfwd=tcp::22-:22: Could not set up host forwarding rule "
            "'tcp::22-:22'",
            "networks[].forward:"},
        Row{"VncPort", "-vnc 127.0.0.1:0: Failed to find an available port: Address already in use",
            "graphics.listen:"},
        Row{"Folder", "-vnc unix:/x/y: Failed to bind socket to /x/y: No such file or directory",
            "graphics.listen"},
        Row{"Machine", "unsupported machine type\nUse -machine help to list supported machines",
            "qemu.machine:"},
        Row{"MachineOf10", "qemu-system-x86_64: unsupported machine type: \"pc-1\"",
            "qemu.machine:"},
        Row{"Cpu", "unable to find CPU model 'nope'", "qemu.cpu:"},
        Row{"HostCpu", "CPU model 'host' requires KVM or HVF", "qemu.cpu:"},
        Row{"Msr",
            "error: failed to set MSR 0x345 to 0x1\nqemu-system-x86_64: kvm_buf_set_msrs: "
            "Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.",
            "qemu.cpu: KVM refuses a register"},
        Row{"KvmRight",
            "Could not access KVM kernel module: Permission denied\n-accel kvm: failed to "
            "initialize kvm: Permission denied",
            "qemu.accel: QEMU's user"},
        Row{"Smp", "Invalid SMP CPUs 300. The max CPUs supported by machine 'pc-i440fx-7.2' is 255",
            "nr_vcpus:"},
        Row{"Lock", "mlockall: Cannot allocate memory\nlocking memory failed", "rt_memory:"},
        Row{"HugePages", "unable to map backing store for guest RAM: Cannot allocate memory",
            "memory.hugepages:"},
        Row{"Memory", "cannot set up guest memory 'ram0': Cannot allocate memory", "memory.size:"},
        Row{"SharedMemory", "backing store size 0x100000 does not match 'size' option 0x200000",
            "shared_memory[].size:"},
        Row{"Option", "-bogus: invalid option", "qemu.extra_args:"}),
    [](const auto& test) { return test.param.name; });

TEST(StartHint, OfUnknownWordsThereIsNone) { EXPECT_EQ(start_hint("well, no"), ""); }

}  // namespace
}  // namespace kvmrt::launcher
