# SPDX-License-Identifier: MIT
"""A supervisor that is replaced by another program in the same process (SIGUSR2, systemctl reload),
and what a guest did while nobody watched it."""

import json
import os
import shutil
import signal
import socket

import harness
import host_snapshot
import kernel
from harness import BIN, RT_CPU, rom


def replace(guest):
    """Has it replaced, and waits until the new program supervises."""
    ran = guest.errors().count("guest runs")
    guest.signal(signal.SIGUSR2)
    guest.until_said("guest runs", ran + 1)


class Replaced(harness.LaunchTest):
    def running(self, *defines, arguments=(), **keys):
        how = {key: keys.pop(key) for key in ("executable", "stdout") if key in keys}
        profile = self.profile(boot={"firmware": str(rom(*defines or ("SAY=halts",)))}, **keys)
        return self.begin(profile, *arguments, **how).until_said("guest runs")

    def installed(self):
        """A copy of the program that may be upgraded."""
        path = self.folder / "kvmrt-launch"
        shutil.copy(BIN / "kvmrt", path)
        return path

    def upgrade(self, path, source):
        fresh = path.with_suffix(".new")
        if isinstance(source, str):
            fresh.write_text(source)
        else:
            shutil.copy(source, fresh)
        fresh.chmod(0o755)
        fresh.rename(path)

    def test_qemu_is_still_its_child(self):
        guest = self.running()
        qemu = guest.qemu()
        replace(guest)
        self.assertEqual((guest.qemu(), guest.state()["supervisor"]["pid"]), (qemu, guest.pid))
        os.kill(qemu, signal.SIGKILL)
        self.said(guest, 12, "killed by signal 9")  # only a parent is told the signal

    def test_a_guest_that_was_adopted_before_is_supervised_on_to_its_end(self):
        first = self.running()
        qemu = first.qemu()
        first.process.kill()
        first.wait()
        guest = self.begin(self.folder / f"{first.name}.yaml").until_said("guest runs")
        replace(guest)
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.no_qemu_left(qemu)

    def test_a_rival_finds_the_lock_held_and_two_replacements_leak_nothing(self):
        guest = self.running()
        replace(guest)
        files = kernel.open_files(guest.pid)
        replace(guest)
        self.assertEqual(len(kernel.open_files(guest.pid)), len(files))
        rival = self.launch(self.folder / f"{guest.name}.yaml")
        self.assertEqual(rival.code, 3, rival.errors())
        self.assertIn(f"already supervised by process {guest.pid}", rival.errors())
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_an_upgraded_program_takes_over(self):
        path = self.installed()
        guest = self.running(executable=str(path))
        self.upgrade(path, BIN / "kvmrt")
        self.assertIn("(deleted)", os.readlink(f"/proc/{guest.pid}/exe"))
        replace(guest)
        self.assertEqual(os.readlink(f"/proc/{guest.pid}/exe"), str(path))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_program_that_does_not_work_does_not_take_over(self):
        path = self.installed()
        guest = self.running(executable=str(path))
        self.upgrade(path, "#!/bin/sh\nexit 1\n")
        guest.signal(signal.SIGUSR2)
        guest.until_said("supervisor not replaced")
        self.assertIn("(deleted)", os.readlink(f"/proc/{guest.pid}/exe"))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_profile_that_is_refused_by_now_leaves_the_guest_supervised(self):
        guest = self.running()
        (self.folder / f"{guest.name}.yaml").write_text(json.dumps({"name": guest.name, "no": 1}))
        replace(guest)
        self.assertIn("supervised by the default rules", guest.errors())
        guest.signal(signal.SIGQUIT)  # the default shutdown_timeout is long
        self.assertEqual(guest.wait(), 0, guest.errors())

    def test_overrides_of_the_command_line_stay_in_force(self):
        guest = self.running("SECONDS=3", "RST", arguments=("--set", "lifecycle.on_reboot=end"))
        replace(guest)
        self.said(guest, 14, "asked for a reboot")

    def test_the_console_goes_on(self):
        guest = self.running("SAY=again", "SECONDS=1", "RST", arguments=("--console",))
        replace(guest)
        seen = guest.output().count("again")
        harness.until("more of the console", lambda: guest.output().count("again") > seen + 1)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_signal_meanwhile_is_not_lost(self):
        guest = self.running()
        guest.signal(signal.SIGUSR2)
        guest.signal(signal.SIGTERM)
        self.said(guest, 0, "stopping the guest (SIGTERM)")


class ReplacedRealTime(harness.LaunchTest):
    needs_real_time = True

    def test_lease_and_placement_stay_in_force(self):
        before = host_snapshot.take()
        guest = self.begin(self.rt_profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_said("guest runs")
        qemu, tid = guest.qemu(), guest.state()["reported"]["vcpus"]["0"]
        switches = kernel.status(qemu, tid)["nonvoluntary_ctxt_switches"]
        replace(guest)
        vcpu = kernel.thread(qemu, tid)
        self.assertEqual((vcpu.cpus, vcpu.policy), ({RT_CPU}, os.SCHED_FIFO))
        self.assertEqual(kernel.status(qemu, tid)["nonvoluntary_ctxt_switches"], switches)
        shown = self.stat()[guest.name]
        self.assertEqual((shown["state"], shown["supervisor_pid"]), ("running", guest.pid))
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])


class EndsUnwatched(harness.LaunchTest):
    """The run state is "shutdown" after a power-off and after a reboot alike."""

    def run_state(self):
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(str(self.run_dir / "vms" / self.name / "qmp.sock"))
            lines = monitor.makefile("rw")
            lines.readline()
            for command in ("qmp_capabilities", "query-status"):
                lines.write(json.dumps({"execute": command}))
                lines.flush()
                answer = json.loads(lines.readline())
            return answer["return"]["status"]

    def end_unwatched(self, code, text, *defines):
        profile = self.profile(boot={"firmware": str(rom("SECONDS=3", *defines))},
                               lifecycle={"on_reboot": "end", "shutdown_timeout": "1s"})
        guest = self.begin(profile).until_said("guest runs")
        qemu = guest.qemu()
        os.kill(guest.pid, signal.SIGKILL)
        guest.wait()
        harness.until("the end", lambda: self.run_state() == "shutdown")
        self.said(self.begin(profile), code, text)
        self.no_qemu_left(qemu)

    def test_a_power_off(self):
        self.end_unwatched(0, "guest powered off", "OFFQ35")

    def test_a_reboot(self):
        self.end_unwatched(14, "guest asked for a reboot", "RST")
