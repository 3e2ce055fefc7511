# SPDX-License-Identifier: MIT
"""A world that is full, slow or changes under us."""

import os
import signal
import subprocess
import threading
import time

import harness
import host_snapshot
import kernel
from harness import RT_CPU, rom


class FullWorld(harness.LaunchTest):
    """The state folder is a file system of its own, and full."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise harness.unittest.SkipTest("mounting a file system needs root")

    def setUp(self):
        super().setUp()
        self.run_dir.mkdir(mode=0o700)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs",
                               self.run_dir], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            self.skipTest(f"no file system may be mounted: {made.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.run_dir], check=False)
        self.addCleanup(self.end_all)

    def fill(self):
        ballast = os.open(self.run_dir / "ballast", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while True:
                os.write(ballast, b"x" * 4096)
        except OSError:
            os.close(ballast)

    def empty(self):
        (self.run_dir / "ballast").unlink()

    def test_a_start_fails_with_the_reason_and_leaves_nothing(self):
        before = host_snapshot.take()
        self.fill()
        guest = self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual(guest.code, 1, guest.errors())
        self.assertIn("No space left on device", guest.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
        self.empty()
        self.assertEqual(self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))})).code, 0)

    def test_a_guest_that_runs_goes_on_and_can_be_stopped(self):
        guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=again", "SECONDS=1", "RST"))}))
        guest.until_said("guest runs")
        qemu = guest.qemu()
        self.fill()
        guest.until_said("guest restarted", 2)  # though its console log takes no more
        self.assertTrue(kernel.alive(qemu))
        guest.signal(signal.SIGTERM)
        self.said(guest, 0, "state not written")
        self.no_qemu_left(qemu)

    def test_a_real_time_guest_gives_the_host_back_or_says_what_is_left(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        before = host_snapshot.take()
        guest = self.begin(self.rt_profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_said("guest runs")
        self.fill()
        guest.signal(signal.SIGTERM)
        code = guest.wait()
        self.assertIn(code, (0, 1, 5), guest.errors())
        if code != 0:
            self.assertIn("No space left on device", guest.errors())
        self.empty()
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])


class SlowWorld(harness.LaunchTest):
    needs_real_time = True

    def running(self, **how):
        profile = self.rt_profile(boot={"firmware": str(rom("SAY=halts"))})
        return self.begin(profile, **how).until_said("guest runs")

    def vcpu(self, guest):
        return kernel.thread(guest.qemu(), guest.state()["reported"]["vcpus"]["0"])

    def test_a_supervisor_that_was_stopped_says_so_and_goes_on(self):
        guest = self.running(environment=self.environment(KVMRT_DEADMAN="1"))
        os.kill(guest.pid, signal.SIGSTOP)
        time.sleep(5)
        self.assertTrue(kernel.alive(guest.qemu()))
        os.kill(guest.pid, signal.SIGCONT)
        guest.until_said("this supervisor was not run for")
        self.assertEqual((self.vcpu(guest).cpus, self.vcpu(guest).policy), ({RT_CPU}, os.SCHED_FIFO))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_processes_that_come_and_go_meanwhile_are_neither_lost_nor_in_the_way(self):
        before = host_snapshot.take()
        over = threading.Event()

        def fork():
            while not over.is_set():
                for child in [subprocess.Popen(["sh", "-c", "true & true"]) for _ in range(20)]:
                    child.wait()

        forks = threading.Thread(target=fork)
        forks.start()
        try:
            guest = self.running()
            self.assertEqual((self.vcpu(guest).cpus, self.vcpu(guest).policy),
                             ({RT_CPU}, os.SCHED_FIFO))
            code = guest.stop()
        finally:
            over.set()
            forks.join()
        self.assertEqual(code, 0, guest.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])


class FailingHardware(harness.LaunchTest):
    needs_fake = True

    def test_a_memory_failure_is_told(self):
        data = '{"recipient":"guest","action":"inject","flags":{"action-required":true}}'
        guest = self.fake(f"raw-event=MEMORY_FAILURE {data};wait=100;events=poweroff")
        self.said(guest, 0, "memory failure", "action-required")
