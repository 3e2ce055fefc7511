# SPDX-License-Identifier: MIT
"""What a user sees and gives: console, detached supervisors, dry runs, overrides."""

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import harness
import host_snapshot
import kernel
from harness import BIN, RT_CPU, rom


class Consoles(harness.LaunchTest):
    def boot(self, *defines):
        return self.profile(boot={"firmware": str(rom(*defines))})

    def test_what_the_guest_writes_comes_through(self):
        launched = self.launch(self.boot("SAY=hello", "OFFQ35"), "--console")
        self.assertEqual(launched.code, 0, launched.errors())
        self.assertIn("hello\r\n", launched.output_path.read_bytes().decode())
        log = self.run_dir / "vms" / launched.name / "console.log"
        self.assertIn("hello", log.read_text())

    def test_without_the_option_it_is_only_kept(self):
        launched = self.launch(self.boot("SAY=hello", "OFFQ35"))
        self.assertEqual(launched.output(), "")
        self.assertIn("hello", (self.run_dir / "vms" / launched.name / "console.log").read_text())

    def test_logs_of_the_run_before_are_kept(self):
        profile = self.boot("SAY=hello", "OFFQ35")
        for _ in range(3):
            self.assertEqual(self.launch(profile).code, 0)
        folder = self.run_dir / "vms" / self.name
        for name in ("console.log", "console.log.1", "console.log.2"):
            self.assertEqual((folder / name).read_bytes(), b"hello\r\n", name)

    def test_a_terminal_is_left_as_it_was(self):
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        before = termios.tcgetattr(terminal)
        guest = self.begin(self.boot("SAY=hello"), "--console", stdin=terminal, stdout=terminal)
        harness.until("raw mode", lambda: termios.tcgetattr(terminal) != before)
        self.assertIn("hello", self.read_terminal(ours, "hello"))
        os.write(ours, b"\x1d")  # Ctrl-]
        self.assertIn("left the console", self.read_terminal(ours, "left the console"))
        harness.until("cooked mode", lambda: termios.tcgetattr(terminal) == before)
        self.assertTrue(kernel.alive(guest.qemu()))
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertEqual(termios.tcgetattr(terminal), before)
        os.close(terminal)

    def test_a_terminal_is_left_as_it_was_when_the_guest_ends(self):
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, terminal)
        before = termios.tcgetattr(terminal)
        guest = self.launch(self.boot("OFFQ35"), "--console", stdin=terminal)
        self.assertEqual(guest.code, 0, guest.errors())
        self.assertEqual(termios.tcgetattr(terminal), before)

    def read_terminal(self, fd, wanted):
        text, end = "", time.monotonic() + 10
        while wanted not in text and time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                text += os.read(fd, 4096).decode()
        return text

    def test_nobody_who_reads_is_no_reason_to_end(self):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            guest = self.begin(self.boot("SAY=hello", "OFFQ35"), "--console", stdout=writing,
                               stderr=writing)
        finally:
            os.close(writing)
        self.assertEqual(guest.wait(), 0)
        self.assertEqual(guest.state()["message"], "guest powered off")


class Detached(harness.LaunchTest):
    def detach(self, profile, limit=60):
        return self.run_tool("launch", "-f", self.folder / "none", "--detach", profile, limit=limit)

    def test_it_returns_when_the_guest_runs_and_a_signal_ends_it(self):
        made = self.detach(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        self.assertEqual(made.returncode, 0, made.stderr)
        state = self.state()
        supervisor, qemu = state["supervisor"]["pid"], state["qemu"]["pid"]
        self.assertEqual(state["status"], "running")
        self.assertTrue(kernel.alive(qemu))
        self.assertEqual(os.getsid(supervisor), supervisor, "a session of its own")
        os.kill(supervisor, signal.SIGTERM)
        harness.until("ended", lambda: not kernel.alive(supervisor))
        self.no_qemu_left(qemu)
        state = self.state()
        self.assertEqual((state["status"], state["exit_code"]), ("stopped", 0))
        log = (self.run_dir / "vms" / self.name / "supervisor.log").read_text()
        self.assertIn("stopping the guest (SIGTERM)", log)

    def test_it_holds_nothing_of_the_callers(self):
        made = self.detach(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        self.assertEqual(made.returncode, 0, made.stderr)
        supervisor = self.state()["supervisor"]["pid"]
        self.addCleanup(os.kill, supervisor, signal.SIGKILL)
        files = kernel.open_files(supervisor)
        self.assertEqual(files[0], "/dev/null")
        log = str(self.run_dir / "vms" / self.name / "supervisor.log")
        self.assertEqual((files[1], files[2]), (log, log))

    def test_a_failed_start_is_the_callers_to_hear(self):
        made = self.detach(self.profile(qemu={"accel": "tcg", "extra_args": ["-bogus"]}))
        self.assertEqual(made.returncode, 1)
        self.assertIn("-bogus: invalid option", made.stderr)

    def test_a_refused_profile_is_3(self):
        made = self.detach(self.profile(cpuset="4000"))
        self.assertEqual(made.returncode, 3, made.stderr)


class DryRuns(harness.LaunchTest):
    KEYS = ["name", "qemu_argv", "threads", "emulator_cpus", "owned_cpus", "offline_cpus",
            "housekeeping_cpus", "numa_nodes", "host_changes", "problems"]

    def dry_run(self, profile, *arguments, **how):
        return self.run_tool("launch", "-f", self.folder / "none", "--dry-run", *arguments, profile,
                             **how)

    def json_of(self, made, code=0):
        self.assertEqual(made.returncode, code, made.stderr)
        return json.loads(made.stdout)

    def guest(self):
        return self.rt_profile(boot={"firmware": str(rom("SAY=halts"))})

    def test_the_json_is_as_the_contract_says_and_nothing_changes(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        before = host_snapshot.take()
        plan = self.json_of(self.dry_run(self.guest(), "--json"))
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
        self.assertFalse((self.run_dir / "vms").exists())
        for key in self.KEYS:
            self.assertIn(key, plan)
        self.assertEqual((plan["owned_cpus"], plan["offline_cpus"]), (str(RT_CPU), ""))
        self.assertEqual(kernel.cpu_list(plan["housekeeping_cpus"]), harness.HOUSEKEEPING)
        self.assertEqual(plan["qemu_argv"][0], "qemu-system-x86_64")
        vcpu = [row for row in plan["threads"] if row["class"] == "vcpu"]
        self.assertEqual(vcpu, [{"class": "vcpu", "index": 0, "name": "vcpu0", "cpus": str(RT_CPU),
                                 "policy": "fifo", "priority": 1}])
        for change in plan["host_changes"]:
            self.assertEqual(set(change), {"knob", "before", "after", "reason", "disturbs"})
            self.assertIsInstance(change["disturbs"], bool)
        for problem in plan["problems"]:
            self.assertLessEqual({"severity", "code", "vm", "key", "message", "file", "line",
                                  "column"}, set(problem))

    def test_the_text_names_threads_changes_and_the_command(self):
        made = self.dry_run(self.guest())
        self.assertEqual(made.returncode, 0, made.stderr)
        for text in ("owned CPUs", "vcpu0", "Host changes", "-S -nodefaults"):
            self.assertIn(text, made.stdout)

    def test_what_it_tells_is_what_happens(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        told = {change["knob"]: change["after"] for change in
                self.json_of(self.dry_run(self.guest(), "--json"))["host_changes"]}
        before = host_snapshot.knobs()
        guest = self.begin(self.guest()).until_state("running").until_said("guest runs")
        during = host_snapshot.knobs()
        self.assertEqual(guest.stop(), 0)
        for path in before:
            if before[path] != during[path]:
                self.assertIn(path, told)
                self.assertEqual(during[path], told[path], path)

    def test_a_user_without_rights_may_ask(self):
        if os.geteuid() != 0:
            self.skipTest("changing the user needs root")
        profile, binary = self.guest(), BIN / "kvmrt-launch"
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        reached = subprocess.run(["test", "-x", binary], timeout=10, check=False, **nobody)
        if reached.returncode != 0:
            self.skipTest(f"{binary} cannot be reached by nobody")
        plan = self.json_of(self.dry_run(profile, "--json", **nobody))
        self.assertEqual(plan["owned_cpus"], str(RT_CPU))
        self.assertEqual([p for p in plan["problems"] if p["severity"] == "error"], [])

    def test_a_refused_plan_is_3_with_its_problems(self):
        plan = self.json_of(self.dry_run(self.profile(cpuset="4000", rt=True), "--json"), 3)
        self.assertIn("error", [problem["severity"] for problem in plan["problems"]])

    def test_another_machine_can_be_planned_for(self):
        profile = self.profile(cpuset="4-6", nr_vcpus=2, rt=True)
        plan = self.json_of(self.dry_run(profile, "--json", "--input", "pack:1 [numa] core:8 pu:1"))
        self.assertEqual((plan["owned_cpus"], plan["emulator_cpus"]), ("4-6", "4"))


class Overrides(harness.LaunchTest):
    def test_a_key_and_the_accelerator_may_be_overridden(self):
        profile = self.profile(boot={"firmware": str(rom("SAY=halts"))}, qemu={"accel": "kvm"})
        guest = self.begin(profile, "--accel", "tcg", "--set", "memory=48MiB", "--set", "nr_vcpus=2")
        guest.until_state("running").until_said("guest runs")
        arguments = kernel.arguments(guest.qemu())
        self.assertEqual(arguments[arguments.index("-m") + 1], "48M")
        self.assertTrue(arguments[arguments.index("-accel") + 1].startswith("tcg"))
        names = [thread.name for thread in kernel.threads(guest.qemu())]
        self.assertEqual(sorted(name for name in names if name.startswith("CPU ")),
                         ["CPU 0/TCG", "CPU 1/TCG"])
        self.assertEqual(guest.stop(), 0)

    def test_a_wrong_override_is_told(self):
        launched = self.launch(self.profile(), "--set", "nr_vcpus=none")
        self.assertEqual(launched.code, 3)
        self.assertIn("--set", launched.errors())
