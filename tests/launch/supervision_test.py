# SPDX-License-Identifier: MIT
"""The supervisor dies, comes back, or has a rival: who lives on, and what becomes of the host."""

import glob
import os
import signal
import time

import harness
import host_snapshot
import kernel
from harness import RT_CPU, rom


class Rivals(harness.LaunchTest):
    def test_a_second_launch_of_the_same_vm_is_refused(self):
        profile = self.profile(boot={"firmware": str(rom("SAY=halts"))})
        first = self.begin(profile).until_state("running").until_said("guest runs")
        qemu = first.qemu()
        second = self.launch(profile)
        self.assertEqual(second.code, 3, second.errors())
        self.assertIn(f"already supervised by process {first.pid}", second.errors())
        self.assertTrue(kernel.alive(qemu))
        self.assertEqual(first.state()["supervisor"]["pid"], first.pid)
        self.assertEqual(first.stop(), 0)

    def test_two_vms_run_side_by_side(self):
        guests = [self.begin(self.profile(name=name, boot={"firmware": str(rom("SAY=halts"))}))
                  for name in ("one", "two")]
        for guest in guests:
            guest.until_state("running").until_said("guest runs")
        self.assertEqual({name: vm["state"] for name, vm in self.stat().items()},
                         {"one": "running", "two": "running"})
        for guest in guests:
            self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_cpu_that_a_running_guest_owns_is_not_taken(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        boot = {"firmware": str(rom("SAY=halts"))}
        owner = self.begin(self.rt_profile(name="owner", boot=boot)).until_said("guest runs")
        for name, rt in (("rival", True), ("guest", False)):
            other = self.launch(self.profile(name=name, boot=boot, cpuset=str(RT_CPU), rt=rt))
            self.assertEqual(other.code, 3, other.errors())
            self.assertIn("owner", other.errors())
        tid = owner.state()["reported"]["vcpus"]["0"]
        self.assertEqual(kernel.thread(owner.qemu(), tid).cpus, {RT_CPU})
        self.assertEqual(owner.stop(), 0)


class DeadSupervisors(harness.LaunchTest):
    needs_real_time = True

    def running(self, *defines, **keys):
        made = self.rt_profile(boot={"firmware": str(rom(*defines))}, **keys)
        return self.begin(made).until_state("running").until_said("guest runs")

    def kill_supervisor(self, guest):
        os.kill(guest.pid, signal.SIGKILL)
        guest.wait(10)

    def vcpu(self, guest):
        return kernel.thread(guest.qemu(), guest.state()["reported"]["vcpus"]["0"])

    def test_a_kept_guest_lives_on_in_its_place_and_recover_leaves_it_alone(self):
        before = host_snapshot.take()
        guest = self.running("SAY=halts")
        qemu = guest.qemu()
        self.kill_supervisor(guest)
        shown = self.stat()[guest.name]
        self.assertEqual((shown["state"], shown["pid"], shown["supervisor_pid"]),
                         ("unsupervised", qemu, None))
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.assertTrue(kernel.alive(qemu))
        self.assertEqual((self.vcpu(guest).cpus, self.vcpu(guest).policy), ({RT_CPU}, os.SCHED_FIFO))
        self.assertNotEqual(host_snapshot.differences(before, host_snapshot.take()), [])
        os.kill(qemu, signal.SIGKILL)
        self.no_qemu_left(qemu)
        found = self.run_tool("recover")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
        self.assertEqual(self.run_tool("recover").stdout, "nothing to recover\n")

    def test_a_kept_guest_is_adopted_and_its_end_reported(self):
        before = host_snapshot.take()
        guest = self.running("SECONDS=5", "PANIC=1")
        qemu = guest.qemu()
        self.kill_supervisor(guest)
        again = self.begin(self.folder / f"{guest.name}.yaml").until_said("adopted the running QEMU")
        again.until_said("guest runs")
        self.assertEqual((again.qemu(), again.state()["supervisor"]["pid"]), (qemu, again.pid))
        self.assertEqual(self.stat()[guest.name]["state"], "running")
        self.assertEqual((self.vcpu(guest).cpus, self.vcpu(guest).policy), ({RT_CPU}, os.SCHED_FIFO))
        self.said(again, 10, "guest panicked; host restored")
        self.no_qemu_left(qemu)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def test_an_adopted_guest_can_be_stopped(self):
        guest = self.running("SAY=halts")
        qemu = guest.qemu()
        self.kill_supervisor(guest)
        again = self.begin(self.folder / f"{guest.name}.yaml").until_said("guest runs")
        self.assertEqual(again.stop(), 0, again.errors())
        self.no_qemu_left(qemu)

    def test_an_end_while_nobody_watched_is_reported_by_the_next_supervisor(self):
        guest = self.running("SECONDS=4", "PANIC=1")
        qemu = guest.qemu()
        self.kill_supervisor(guest)
        time.sleep(5)  # nobody is there who could tell of the panic
        self.assertTrue(kernel.alive(qemu), "QEMU waits, so that the end can be told")
        again = self.begin(self.folder / f"{guest.name}.yaml")
        self.said(again, 10, "guest panicked")
        self.no_qemu_left(qemu)

    def test_a_guest_that_is_not_to_be_kept_dies_with_its_supervisor(self):
        before = host_snapshot.take()
        guest = self.running("SAY=halts", lifecycle={"on_supervisor_death": "kill"})
        qemu = guest.qemu()
        self.kill_supervisor(guest)
        harness.until("QEMU gone", lambda: not kernel.alive(qemu), 1)
        self.assertEqual(self.stat()[guest.name]["state"], "failed")
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def test_a_qemu_that_never_ran_its_guest_is_ended_by_recover(self):
        if not harness.FAKE.exists():
            self.skipTest(f"{harness.FAKE} is not built")
        before = host_snapshot.take()
        profile = self.rt_profile(qemu={"accel": "tcg", "binary": str(harness.FAKE)})
        guest = self.begin(profile, environment=self.environment(KVMRT_FAKE_QEMU="never-greet"))
        qemu = harness.until("a QEMU", lambda: (guest.state().get("qemu") or {}).get("pid"))
        self.kill_supervisor(guest)
        self.assertTrue(kernel.alive(qemu))
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.no_qemu_left(qemu)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def strays(self):
        """Processes that this test has started and nobody knows of."""
        mine, found = str(self.folder).encode(), []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    text = file.read()
            except OSError:
                continue
            if mine in text and kernel.alive(path.split("/")[2]):
                found.append(text.replace(b"\0", b" ").decode()[:200])
        return found

    def test_a_supervisor_that_dies_at_any_moment_of_the_start_leaves_nothing(self):
        before = host_snapshot.take()
        profile = self.rt_profile(boot={"firmware": str(rom("SAY=halts"))})
        for delay in (0, 10, 20, 30, 40, 50, 60, 70, 80, 100, 130, 160, 200, 300):
            with self.subTest(milliseconds=delay):
                guest = self.begin(profile)
                time.sleep(delay / 1000)
                self.kill_supervisor(guest)
                if "still running" in self.recover():  # its guest had begun
                    os.kill(guest.qemu(), signal.SIGKILL)
                    self.no_qemu_left(guest.qemu())
                    self.recover()
                harness.until("nothing left", lambda: not self.strays(), 5)
                self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def recover(self):
        found = self.run_tool("recover")
        self.assertEqual(found.returncode, 0, found.stderr)
        return found.stdout

    def test_a_launch_after_a_crash_recovers_by_itself(self):
        before = host_snapshot.take()
        guest = self.running("SAY=halts", lifecycle={"on_supervisor_death": "kill"})
        self.kill_supervisor(guest)
        self.no_qemu_left(guest.qemu())
        again = self.launch(self.rt_profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual(again.code, 0, again.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
