# SPDX-License-Identifier: MIT
"""A real-time guest while it runs, and the host afterwards, as the kernel tells them."""

import os
import subprocess
import unittest

import harness
import host_snapshot
import kernel
from harness import HOUSEKEEPING, RT_CPU, rom


class RealTimeGuest(harness.LaunchTest):
    needs_real_time = True
    accelerator = None

    @classmethod
    def setUpClass(cls):
        if cls.accelerator is None:
            raise unittest.SkipTest("only its children run")
        super().setUpClass()

    def start(self, *defines, **keys):
        profile = self.rt_profile(boot={"firmware": str(rom(*defines))}, qemu=self.accelerator, **keys)
        return self.begin(profile).until_state("running")

    def vcpu(self, guest):
        tid = guest.state()["reported"]["vcpus"]["0"]
        return kernel.thread(guest.qemu(), tid)

    def test_has_its_vcpu_alone_on_its_cpu_and_gives_the_host_back(self):
        mine = os.sched_getaffinity(0)
        before = host_snapshot.take()
        guest = self.start("SECONDS=3", "OFFQ35").until_said("guest runs")
        found = kernel.threads(guest.qemu())
        vcpu = self.vcpu(guest)
        self.assertEqual((vcpu.cpus, vcpu.policy, vcpu.priority, vcpu.reset_on_fork),
                         ({RT_CPU}, os.SCHED_FIFO, 1, True))
        for other in found:
            if other.tid != vcpu.tid:
                self.assertEqual((other.name, other.policy, other.priority), (other.name, 0, 0))
                self.assertLessEqual(other.cpus, HOUSEKEEPING, other.name)
        self.assertGreaterEqual(kernel.locked_bytes(guest.qemu()), 32 << 20)
        self.assertLessEqual(os.sched_getaffinity(0), HOUSEKEEPING, "the host stays off the CPU")
        born = subprocess.Popen(["sleep", "60"])
        self.addCleanup(born.wait, 10)
        self.addCleanup(born.kill)
        self.assertEqual(guest.wait(), 0, guest.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
        self.assertEqual(os.sched_getaffinity(0), mine)
        self.assertEqual(os.sched_getaffinity(born.pid), mine, "born while the guest ran")

    def test_is_shown_by_stat_as_the_kernel_has_it(self):
        guest = self.start("SAY=halts").until_said("guest runs")
        shown = self.stat("-t")[self.name]
        self.assertEqual((shown["state"], shown["pid"], shown["supervisor_pid"], shown["rt"]),
                         ("running", guest.qemu(), guest.pid, True))
        # A worker that ends meanwhile takes its stack with it.
        harness.until("the same locked memory", lambda: self.stat()[self.name]["locked_bytes"] ==
                      kernel.locked_bytes(guest.qemu()), 10)
        real = {thread.tid: thread for thread in kernel.threads(guest.qemu())}
        policies = {"other": 0, "fifo": 1, "rr": 2}
        self.assertLessEqual(set(real), {row["tid"] for row in shown["threads"]})
        for row in shown["threads"]:
            self.assertTrue(row["as_planned"], row)
            if row["tid"] in real:
                thread = real[row["tid"]]
                self.assertEqual((kernel.cpu_list(row["cpus"]), policies[row["policy"]],
                                  row["priority"]), (thread.cpus, thread.policy, thread.priority))
        self.assertEqual([row["name"] for row in shown["threads"] if row["class"] == "vcpu"], ["vcpu0"])
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_is_put_back_in_its_place_when_somebody_moves_it(self):
        guest = self.start("SAY=halts").until_said("guest runs")
        tid = self.vcpu(guest).tid
        os.sched_setaffinity(tid, set(harness.CPUS))
        self.assertFalse([row for row in self.stat("-t")[self.name]["threads"]
                          if row["tid"] == tid and row["as_planned"]])
        harness.until("moved back", lambda: self.vcpu(guest).cpus == {RT_CPU}, 15)
        guest.until_said("put back")
        self.assertEqual(guest.stop(), 0)

    def test_is_real_time_again_after_each_restart(self):
        guest = self.start("SECONDS=1", "RST",
                           lifecycle={"shutdown_timeout": "1s", "on_reboot": "restart"})
        qemu = guest.qemu()
        guest.until_said("guest restarted, placement proven", 2)
        vcpu = self.vcpu(guest)
        self.assertEqual((vcpu.cpus, vcpu.policy, vcpu.priority), ({RT_CPU}, os.SCHED_FIFO, 1))
        self.assertEqual(guest.qemu(), qemu, "the same QEMU")
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.no_qemu_left(qemu)


class RomUnderTcg(RealTimeGuest):
    accelerator = {"accel": "tcg"}


class RomUnderKvm(RealTimeGuest):
    accelerator = {"accel": "kvm"}
    needs_kvm = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accelerator = harness.kvm()

    def test_moves_the_thread_that_kvm_makes_at_the_first_run(self):
        guest = self.start("SAY=halts").until_said("guest runs")
        helpers = [thread for thread in kernel.threads(guest.qemu())
                   if thread.name.startswith("kvm-nx-lpage")]
        if not helpers:
            guest.stop()
            self.skipTest("this kernel has no kvm-nx-lpage-recovery in the process")
        for helper in helpers:
            self.assertEqual((helper.policy, helper.priority), (0, 0))
            self.assertLessEqual(helper.cpus, HOUSEKEEPING)
        self.assertEqual(guest.stop(), 0)
