# SPDX-License-Identifier: MIT
"""How a run ends: each cause has its exit code and its words, and the action that the profile asks
for. The table "How a run ends" of QEMU's facts, row by row, on a real QEMU where one can do it."""

import os
import signal

import harness
import kernel
from harness import EXIT_DEVICE, rom


class Ends(harness.LaunchTest):
    """One end of a guest after the other, each on a QEMU of its own."""

    def guest(self, *defines, lifecycle=None, **keys):
        rules = {"shutdown_timeout": "1s"} | (lifecycle or {})
        return self.begin(self.profile(boot={"firmware": str(rom(*defines))}, lifecycle=rules, **keys))

    def ends(self, guest, code, *texts):
        """Ended so, with QEMU gone and the end written down."""
        qemus = list(self.qemus())
        self.said(guest, code, *texts)
        state = guest.state()
        self.assertEqual((state["status"], state["exit_code"], state["qemu"]),
                         ("stopped" if code == 0 else "failed", code, None))
        for pid, _ in qemus:
            self.no_qemu_left(pid)
        self.assertFalse((self.run_dir / "vms" / guest.name / "qmp.sock").exists())


class OrdinaryEnds(Ends):
    def test_a_power_off_is_success(self):
        guest = self.guest("OFFQ35")
        self.ends(guest, 0, "guest powered off; host restored")
        said = guest.errors()
        self.assertLess(said.index("guest runs"), said.index("guest powered off"))

    def test_a_power_off_is_success_under_kvm_too(self):
        reason = harness.no_kvm()
        if reason:
            self.skipTest(reason)
        self.ends(self.guest("OFFQ35", qemu=harness.kvm()), 0, "guest powered off")

    def test_a_reboot_that_is_not_wanted_is_14(self):
        guest = self.guest("RST", lifecycle={"on_reboot": "end"})
        self.ends(guest, 14, "guest asked for a reboot")

    def test_a_reboot_restarts_in_the_same_qemu(self):
        guest = self.guest("SAY=again", "SECONDS=1", "RST")
        guest.until_state("running")
        qemu = guest.qemu()
        guest.until_said("guest restarted", 2)
        self.assertTrue(kernel.alive(qemu))
        self.assertEqual(guest.qemu(), qemu)
        console = (self.run_dir / "vms" / guest.name / "console.log").read_text()
        self.assertGreaterEqual(console.count("again"), 2)
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0, "stopped as asked")

    def test_a_power_off_may_mean_pause(self):
        guest = self.guest("OFFQ35", lifecycle={"on_poweroff": "pause"})
        guest.until_state("paused")
        self.assertTrue(kernel.alive(guest.qemu()))
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0, "a paused guest cannot power itself off")


class GuestFailures(Ends):
    def test_a_panic_is_10(self):
        self.ends(self.guest("PANIC=1"), 10, "guest panicked")

    def test_a_panic_may_mean_pause(self):
        guest = self.guest("PANIC=1", lifecycle={"on_crash": "pause"})
        guest.until_state("paused")
        qemu = guest.qemu()
        self.assertEqual(self.stat()[guest.name]["state"], "paused")
        self.assertTrue(kernel.alive(qemu))
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0, "stopped as asked")

    def test_a_panic_may_mean_restart(self):
        guest = self.guest("SECONDS=1", "PANIC=1", lifecycle={"on_crash": "restart"})
        guest.until_said("guest restarted", 2)
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0)

    def test_a_crash_kernel_is_left_to_work(self):
        guest = self.guest("PANIC=2", "SECONDS=1", "OFFQ35")
        self.ends(guest, 0, "guest powered off")

    def test_a_watchdog_that_fires_is_11(self):
        self.ends(self.guest("WATCHDOG=14", watchdog={"model": "ib700"}), 11, "watchdog fired")

    def test_a_watchdog_may_mean_restart(self):
        guest = self.guest("WATCHDOG=14", watchdog={"model": "ib700"},
                           lifecycle={"on_watchdog": "restart"})
        guest.until_said("guest restarted")
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0)

    def test_a_guest_that_ends_qemu_by_itself_is_12(self):
        guest = self.guest("EXITV=5", qemu={"accel": "tcg", "extra_args": EXIT_DEVICE})
        self.ends(guest, 12, "QEMU exited with status 11")

    def test_a_disk_that_fails_is_13(self):
        self.ends(self.with_bad_disk({"on_storage_error": "end"}), 13, "storage error", "bad")

    def test_a_disk_that_fails_pauses_by_default(self):
        guest = self.with_bad_disk({}).until_state("paused")
        self.assertTrue(kernel.alive(guest.qemu()))
        guest.signal(signal.SIGTERM)
        self.ends(guest, 0, "storage error")

    def with_bad_disk(self, lifecycle):
        """SeaBIOS boots from a disk whose first sector cannot be read."""
        disk = self.folder / "disk.raw"
        disk.write_bytes(b"\0" * (1 << 20))
        rules = self.folder / "bad.conf"
        rules.write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\n')
        node = ("driver=raw,node-name=bad,file.driver=blkdebug,file.node-name=breaks,"
                f"file.config={rules},file.image.driver=file,file.image.filename={disk}")
        arguments = ["-blockdev", node, "-device",
                     "virtio-blk-pci,drive=bad,rerror=stop,werror=stop,bootindex=0"]
        return self.begin(self.profile(
            boot={"firmware": "bios"}, lifecycle={"shutdown_timeout": "1s"} | lifecycle,
            qemu={"accel": "tcg", "extra_args": arguments}))


class EndsFromOutside(Ends):
    def running(self, **keys):
        return self.guest("SAY=halts", **keys).until_state("running")

    def test_a_qemu_that_is_killed_is_12(self):
        guest = self.running()
        os.kill(guest.qemu(), signal.SIGKILL)
        self.ends(guest, 12, "killed by signal 9")

    def test_a_qemu_that_is_terminated_is_12(self):
        guest = self.running()
        os.kill(guest.qemu(), signal.SIGTERM)
        self.ends(guest, 12, "terminated by a signal from outside")

    def test_a_qemu_that_crashes_is_12(self):
        guest = self.running()
        os.kill(guest.qemu(), signal.SIGABRT)
        self.ends(guest, 12, "killed by signal 6")

    def test_a_qemu_that_is_killed_while_it_is_stopped_is_12(self):
        guest = self.running()
        os.kill(guest.qemu(), signal.SIGSTOP)
        os.kill(guest.qemu(), signal.SIGKILL)
        self.ends(guest, 12, "killed by signal 9")


class EndsOfTheFake(harness.LaunchTest):
    """What no real QEMU does on demand."""

    needs_fake = True

    def test_an_error_inside_kvm_is_12(self):
        self.said(self.fake("events=internal-error"), 12, "internal-error")

    def test_a_reply_lost_at_the_end_is_no_failure_of_the_start(self):
        self.said(self.fake("lose-cont-reply"), 12, "QEMU exited with status 0")

    def test_an_end_without_an_event_is_12(self):
        self.said(self.fake("exit-code=3"), 12, "QEMU exited with status 3")

    def test_the_monitor_may_close_long_before_the_end(self):
        self.said(self.fake("linger=300;wait=100;events=poweroff"), 0, "guest powered off")

    def test_a_flood_of_resets_is_survived(self):
        self.said(self.fake("event-flood=2000;events=poweroff"), 0)

    def test_an_error_that_the_guest_sees_itself_ends_nothing(self):
        data = '{"device":"","node-name":"d0","reason":"No space","operation":"write","action":"report"}'
        self.said(self.fake(f"raw-event=BLOCK_IO_ERROR {data};wait=100;events=poweroff"), 0,
                  "reported to the guest")
