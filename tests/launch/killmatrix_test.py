# SPDX-License-Identifier: MIT
"""A sample of the kill matrix; scripts/killmatrix runs the whole of it."""

import shutil
import time

import harness
import killmatrix
from harness import BIN, rom

SECONDS = 18  # of tries; no try is begun after it


class KillMatrixSample(harness.LaunchTest):
    def sample(self, profile, faults):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        matrix = killmatrix.Matrix(BIN, profile, self.environment(), self.folder)
        points = killmatrix.spread(matrix.points(faults))
        end = time.monotonic() + SECONDS / 2
        for tried, point in enumerate(points):
            if time.monotonic() > end and tried >= 3:
                break
            with self.subTest(point=str(point)):
                self.assertEqual(matrix.check(point), [])
        print(f"{tried} of {len(points)} points")

    def test_a_supervisor_killed_in_any_system_call_leaves_nothing(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        self.sample(self.rt_profile(boot={"firmware": str(rom("OFFQ35"))}), ["KILL"])

    def test_a_system_call_that_fails_leaves_nothing(self):
        self.sample(self.profile(boot={"firmware": str(rom("OFFQ35"))}), killmatrix.ERRORS)

    def test_a_command_that_cannot_be_sent_to_qemu_is_no_reason_to_wait(self):
        # Neither in a start nor in a stop: QEMU lives, and its monitor says nothing more.
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        profile = self.profile(boot={"firmware": str(rom("OFFQ35"))})
        matrix = killmatrix.Matrix(BIN, profile, self.environment(), self.folder)
        for number in range(1, 5):
            with self.subTest(sent=number):
                begin = time.monotonic()
                self.assertEqual(matrix.check(killmatrix.Point("sendto", number, "ENOMEM")), [])
                self.assertLess(time.monotonic() - begin, 30)
