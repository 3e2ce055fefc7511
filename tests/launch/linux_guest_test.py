# SPDX-License-Identifier: MIT
"""A real operating system, emulated: it boots, sees its vCPUs, obeys the power button."""

import harness
import kernel

BOOT = 200  # seconds that a boot may take under emulation, on a machine that has other work


class LinuxUnderTcg(harness.LaunchTest):
    def boot(self, mode):
        boot = harness.linux_guest() | {"cmdline": f"console=ttyS0 quiet kvmrt.mode={mode}"}
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
