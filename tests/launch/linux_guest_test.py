# SPDX-License-Identifier: MIT
"""A real operating system, emulated: it boots, sees its vCPUs, obeys the power button."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness
import kernel
from harness import SOURCE

BOOT = 200  # seconds that a boot may take under emulation, on a machine that has other work


class LinuxUnderTcg(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = Path(tempfile.mkdtemp(prefix="kvmrt-linux-"))
        cls.addClassCleanup(shutil.rmtree, cls.guest, ignore_errors=True)
        made = subprocess.run([SOURCE / "scripts/guest/build-linux", cls.guest], timeout=200,
                              capture_output=True, text=True, check=False)
        if made.returncode == 77:
            raise unittest.SkipTest(made.stdout + made.stderr)
        if made.returncode != 0:
            raise AssertionError(made.stderr)

    def boot(self, mode):
        boot = {"kernel": str(self.guest / "vmlinux"), "initrd": str(self.guest / "guest.img"),
                "cmdline": f"console=ttyS0 quiet kvmrt.mode={mode}"}
        profile = self.profile(memory="192MiB", nr_vcpus=2, boot=boot,
                               lifecycle={"shutdown_timeout": "60s"})
        return self.begin(profile, "--console")

    def test_it_boots_reports_and_powers_off(self):
        guest = self.boot("poweroff").until_state("running")
        names = {thread.name for thread in kernel.threads(guest.qemu())}
        self.assertLessEqual({"CPU 0/TCG", "CPU 1/TCG"}, names)
        self.assertEqual(guest.wait(BOOT), 0, guest.errors())
        for text in ("kvmrt-guest: cpus 0-1", "kvmrt-guest: ready", "kvmrt-guest: poweroff"):
            self.assertIn(text, guest.output())
        self.assertIn("guest powered off", guest.errors())

    def test_sigterm_is_its_power_button(self):
        guest = self.boot("idle")
        harness.until("ready", lambda: "kvmrt-guest: ready" in guest.output(), BOOT)
        self.assertEqual(guest.stop(100), 0, guest.errors())
        self.assertIn("kvmrt-guest: power button", guest.output())
        self.assertIn("guest stopped as asked", guest.errors())
        self.assertNotIn("by force", guest.errors())
