# SPDX-License-Identifier: MIT
"""boot and shutdown: several VMs at once, and what becomes of the host."""

import os
import signal
import subprocess

import harness
import host_snapshot
import kernel
from harness import RT_CPU, rom


class SeveralVms(harness.LaunchTest):
    def a_guest(self, name, **keys):
        return self.profile(name=name, boot={"firmware": str(rom("SAY=halts"))}, **keys)

    def tool(self, name, *arguments):
        return self.run_tool(name, "-f", self.folder, *arguments, limit=120)

    def states(self):
        return {name: vm["state"] for name, vm in self.stat().items()}

    def end_all(self):
        self.tool("shutdown", "--force")
        super().end_all()

    def test_boot_starts_all_autostart_vms_and_shutdown_stops_them(self):
        self.a_guest("one")
        self.a_guest("two")
        self.a_guest("byhand", autostart=False)
        booted = self.tool("boot")
        self.assertEqual(booted.returncode, 0, booted.stderr)
        self.assertEqual(self.states(), {"one": "running", "two": "running"})
        self.assertIn("one: running", booted.stdout)
        stopped = self.tool("shutdown", "--force")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertEqual(set(self.states().values()), {"stopped"})
        self.assertEqual([pid for pid, _ in self.qemus()], [])

    def test_a_vm_that_is_named_starts_without_autostart_and_again_says_so(self):
        self.a_guest("byhand", autostart=False)
        self.assertIn("nothing to start", self.tool("boot").stdout)
        self.assertEqual(self.tool("boot", "byhand").returncode, 0)
        self.assertIn("byhand: runs already", self.tool("boot", "byhand").stdout)
        self.assertEqual(self.tool("shutdown", "--force", "byhand").returncode, 0)

    def test_a_vm_that_fails_does_not_stop_the_others_and_gives_the_exit_code(self):
        self.a_guest("good")
        self.profile(name="bad", boot={"firmware": "/nonexistent.rom"})
        booted = self.tool("boot")
        self.assertEqual(booted.returncode, 3, booted.stderr)
        self.assertIn("/nonexistent.rom", booted.stderr)
        self.assertEqual(self.states()["good"], "running")

    def test_a_broken_profile_stops_its_own_vm_only(self):
        self.a_guest("good")
        (self.folder / "bad.yaml").write_text("name: bad\nmemroy: 1GiB\n")
        (self.folder / "worse.yaml").write_text("name: [\n")
        booted = self.tool("boot")
        self.assertEqual(booted.returncode, 3, booted.stderr)
        for text in ("memroy", "worse.yaml"):
            self.assertIn(text, booted.stderr)
        self.assertIn("bad: refused", booted.stdout)
        seen = self.run_tool("stat", "-f", self.folder, "good")
        self.assertIn("running", seen.stdout)
        self.assertIn("memroy", seen.stderr)
        self.assertEqual(self.tool("boot", "bad").returncode, 3)
        planned = self.tool("launch", "good", "--dry-run")
        self.assertEqual(planned.returncode, 0, planned.stderr)
        self.assertEqual(self.tool("shutdown", "--force").returncode, 0)
        self.assertEqual(set(self.states().values()), {"stopped"})

    def test_a_terminal_shows_whom_boot_waits_for_and_takes_it_back(self):
        self.a_guest("one")
        said = subprocess.run(["script", "-qec", f"{harness.BIN}/kvmrt-boot -f {self.folder}", "/dev/null"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              env=self.environment(TERM="xterm"), check=True).stdout.decode()
        self.assertIn("waiting for one", said)
        self.assertIn("\r\x1b[Kone: running", said)
        self.assertNotIn("waiting", self.tool("shutdown", "--force").stdout)

    def test_unknown_names_are_refused(self):
        self.a_guest("one")
        for tool in ("boot", "shutdown"):
            answer = self.tool(tool, "nobody")
            self.assertEqual(answer.returncode, 3)
            self.assertIn("nobody", answer.stderr)


class SeveralRealTimeVms(SeveralVms):
    needs_real_time = True

    def test_boot_takes_the_cpus_once_and_shutdown_gives_them_back(self):
        before = host_snapshot.take()
        self.a_guest("plain")
        self.a_guest("rt", cpuset=str(RT_CPU), rt=True, realtime={"emulator_cpuset": "housekeeping"})
        booted = self.tool("boot")
        self.assertEqual(booted.returncode, 0, booted.stderr)
        state = self.state("rt")
        vcpu = kernel.thread(state["qemu"]["pid"], state["reported"]["vcpus"]["0"])
        self.assertEqual(vcpu.cpus, {RT_CPU})
        self.assertEqual(self.tool("shutdown", "--force").returncode, 0)
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def test_a_guest_without_a_supervisor_is_stopped_too(self):
        before = host_snapshot.take()
        self.a_guest("rt", cpuset=str(RT_CPU), rt=True, realtime={"emulator_cpuset": "housekeeping"})
        self.assertEqual(self.tool("boot").returncode, 0)
        state = self.state("rt")
        os.kill(state["supervisor"]["pid"], signal.SIGKILL)
        harness.until("unsupervised", lambda: self.states()["rt"] == "unsupervised")
        stopped = self.tool("shutdown", "--force")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertFalse(kernel.alive(state["qemu"]["pid"]))
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
