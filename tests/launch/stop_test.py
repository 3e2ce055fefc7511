# SPDX-License-Identifier: MIT
"""Asked to stop: the guest is powered down, then QEMU is ended by ever harder means."""

import os
import signal
import time

import harness
import kernel
from harness import rom


class StopChain(harness.LaunchTest):
    """Each harder step comes after its limit of time, or at once after a further SIGINT."""

    needs_fake = True

    def running(self, script, **keys):
        return self.fake(script, **keys).until_state("running").until_said("guest runs")

    def step(self, guest, number, text):
        guest.signal(number)
        guest.until_said(text, limit=10)

    def stopped(self, guest, qemu, text="stopped as asked, by force"):
        self.said(guest, 0, text)
        self.no_qemu_left(qemu)

    def test_a_guest_that_obeys_is_not_forced(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number):
                guest = self.running("slow-powerdown=200")
                qemu = guest.qemu()
                guest.signal(number)
                self.stopped(guest, qemu, "guest stopped as asked")
                self.assertNotIn("by force", guest.errors())

    def test_a_guest_that_does_not_obey_is_ended_after_the_shutdown_timeout(self):
        guest = self.running("ignore-powerdown")
        qemu = guest.qemu()
        guest.signal(signal.SIGTERM)
        guest.until_state("stopping")
        self.stopped(guest, qemu)
        self.assertIn("the guest does not power off", guest.errors())

    def test_a_second_sigint_does_not_wait_for_the_guest(self):
        guest = self.running("ignore-powerdown", lifecycle={"shutdown_timeout": "100s"})
        qemu = guest.qemu()
        self.step(guest, signal.SIGINT, "stopping the guest (SIGINT)")
        self.assertTrue(kernel.alive(qemu))
        guest.signal(signal.SIGINT)
        self.stopped(guest, qemu)

    def test_a_second_sigterm_changes_nothing(self):
        guest = self.running("slow-powerdown=1000", lifecycle={"shutdown_timeout": "100s"})
        qemu = guest.qemu()
        self.step(guest, signal.SIGTERM, "stopping the guest (SIGTERM)")
        guest.signal(signal.SIGTERM)
        self.stopped(guest, qemu, "guest stopped as asked")
        self.assertNotIn("by force", guest.errors())

    def test_a_qemu_that_ignores_quit_is_terminated(self):
        guest = self.running("ignore-powerdown;ignore-quit", lifecycle={"shutdown_timeout": "100s"})
        qemu = guest.qemu()
        self.step(guest, signal.SIGINT, "stopping the guest")
        self.step(guest, signal.SIGINT, "ending QEMU")
        guest.signal(signal.SIGINT)
        self.stopped(guest, qemu)
        self.assertIn("SIGTERM", guest.errors())

    def test_a_qemu_that_ignores_sigterm_too_is_killed(self):
        guest = self.running("ignore-powerdown;ignore-quit;ignore-term",
                             lifecycle={"shutdown_timeout": "100s"})
        qemu = guest.qemu()
        self.step(guest, signal.SIGINT, "stopping the guest")
        self.step(guest, signal.SIGINT, "ending QEMU")
        self.step(guest, signal.SIGINT, "QEMU does not obey quit; SIGTERM")
        self.assertTrue(kernel.alive(qemu))
        guest.signal(signal.SIGINT)
        self.stopped(guest, qemu)
        self.assertIn("SIGKILL", guest.errors())

    def test_a_qemu_that_is_frozen_is_killed(self):
        guest = self.running("", lifecycle={"shutdown_timeout": "1s"})
        qemu = guest.qemu()
        os.kill(qemu, signal.SIGSTOP)
        self.step(guest, signal.SIGINT, "stopping the guest")
        guest.until_said("ending QEMU", limit=10)
        self.step(guest, signal.SIGINT, "QEMU does not obey quit")
        guest.signal(signal.SIGINT)
        self.stopped(guest, qemu)

    def test_a_monitor_that_is_gone_does_not_keep_the_guest_alive(self):
        guest = self.running("eof", lifecycle={"shutdown_timeout": "1s"})
        qemu = guest.qemu()
        self.step(guest, signal.SIGINT, "stopping the guest")
        guest.until_said("ending QEMU", limit=10)
        guest.signal(signal.SIGINT)
        self.stopped(guest, qemu)

    def test_a_signal_before_the_guest_runs_ends_the_start(self):
        guest = self.fake("never-greet").until_state("starting")
        qemu = harness.until("a QEMU", lambda: (guest.state().get("qemu") or {}).get("pid"))
        guest.signal(signal.SIGTERM)
        self.said(guest, 0, "before the guest ran")
        self.no_qemu_left(qemu)


class StopOfARealQemu(harness.LaunchTest):
    def test_threads_that_vanish_at_the_end_are_no_drift(self):
        """The first look at the threads comes 0.1 s after the start: QEMU dies around then."""
        for delay in (0, 0.01, 0.02, 0.03, 0.04):
            with self.subTest(seconds=delay):
                guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
                guest.until_said("guest runs")
                time.sleep(delay)
                self.kill_by_steps(guest)
                self.assertNotIn("claims thread", guest.errors())

    def kill_by_steps(self, guest):
        os.kill(guest.qemu(), signal.SIGSTOP)
        for text in ("stopping the guest", "ending QEMU", "QEMU does not obey quit"):
            guest.signal(signal.SIGINT)
            guest.until_said(text, limit=10)
        guest.signal(signal.SIGINT)
        self.said(guest, 0, "SIGKILL", "by force")

    def test_a_halted_guest_is_ended_after_the_shutdown_timeout(self):
        guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_state("running").until_said("guest runs")
        qemu = guest.qemu()
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertIn("by force", guest.errors())
        self.no_qemu_left(qemu)

    def test_a_real_qemu_that_is_frozen_is_killed(self):
        guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_state("running").until_said("guest runs")
        qemu = guest.qemu()
        self.kill_by_steps(guest)
        self.no_qemu_left(qemu)
