# SPDX-License-Identifier: MIT
"""The measuring guest, emulated and with Debian's cloud kernel: that it measures and tells what it
is, not what it reaches."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness
from harness import SOURCE

BOOT = 200  # seconds that it may take under emulation, on a machine that has other work
BAR = re.compile(r"^(\d{6}) (\d{6,})\r?$", re.MULTILINE)


class MeasuringGuest(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = Path(tempfile.mkdtemp(prefix="kvmrt-measure-"))
        cls.addClassCleanup(shutil.rmtree, cls.guest, ignore_errors=True)
        made = subprocess.run([SOURCE / "scripts/guest/build-measure", "--kernel", "6.1-cloud",
                               cls.guest], timeout=200, capture_output=True, text=True, check=False)
        if made.returncode == 77:
            raise unittest.SkipTest(made.stdout + made.stderr)
        if made.returncode != 0:
            raise AssertionError(made.stderr)

    def boot(self, seconds):
        boot = {"kernel": str(self.guest / "vmlinuz"), "initrd": str(self.guest / "measure.img"),
                "cmdline": f"console=ttyS0 quiet kvmrt.measure={seconds}:10000:80 kvmrt.cpus=0"}
        profile = self.profile(memory="256MiB", boot=boot, lifecycle={"shutdown_timeout": "100s"})
        return self.begin(profile, "--console")

    def wakeups(self, guest):
        """Of the histogram's bars, and as cyclictest has counted them itself."""
        bars = sum(int(count) for _, count in BAR.findall(guest.output()))
        total = re.search(r"# Total: (\d+)", guest.output())
        self.assertIsNotNone(total, guest.output()[-2000:])
        return bars, int(total[1])

    def test_it_says_whether_it_is_fit_and_prints_its_histogram(self):
        guest = self.boot(1)
        self.assertEqual(guest.wait(BOOT), 0, guest.errors())
        for text in ("kvmrt-measure: rt no", "kvmrt-measure: clocksource ",
                     "kvmrt-measure: cyclictest ended with 0", "kvmrt-measure: ready"):
            self.assertIn(text, guest.output())
        bars, total = self.wakeups(guest)
        self.assertEqual(bars, total)
        self.assertGreater(total, 0)

    def test_the_power_button_ends_it_early_with_what_it_has(self):
        guest = self.boot(3600)
        harness.until("measuring", lambda: "kvmrt-measure: measuring" in guest.output(), BOOT)
        self.assertEqual(guest.stop(150), 0, guest.errors())
        self.assertNotIn("by force", guest.errors())
        self.wakeups(guest)
