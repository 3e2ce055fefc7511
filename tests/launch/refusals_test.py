# SPDX-License-Identifier: MIT
"""What does not start: refused before anything is touched, failed in QEMU, or not as planned."""

import os
import socket
import subprocess
import textwrap

import harness
import host_snapshot
import kernel
from harness import RT_CPU, rom


class Refusals(harness.LaunchTest):
    def refused(self, text):
        """A profile of this text is refused; its standard error."""
        path = self.folder / "bad.yaml"
        path.write_text(textwrap.dedent(text))
        before = host_snapshot.knobs()
        found = self.run_tool("launch", "-f", self.folder / "none", path, limit=20)
        self.assertEqual((found.returncode, found.stdout), (3, ""), found.stderr)
        self.assertEqual(host_snapshot.knobs(), before)
        self.assertEqual(list(self.qemus()), [])
        self.assertFalse((self.run_dir / "ledger.json").exists())
        return found.stderr

    def test_every_mistake_of_a_profile_is_told_with_its_place(self):
        said = self.refused("""\
            name: bad
            nr_vcpu: 2
            memory: lots
            realtime:
              priority: 100
            """)
        for place in ("bad.yaml:2:1: ", "bad.yaml:3:9: ", "bad.yaml:5:13: "):
            self.assertIn(place, said)
        self.assertIn("nr_vcpus", said, "did you mean")

    def test_broken_yaml_is_told_with_its_place(self):
        self.assertRegex(self.refused("name: bad\nboot: {kernel: x\n"), r"bad\.yaml:\d+:\d+: ")

    def test_a_cpu_that_does_not_exist_is_told_with_its_place(self):
        self.assertIn("bad.yaml:2:9: ", self.refused("name: bad\ncpuset: 4000\nrt: true\n"))

    def test_a_real_time_guest_without_locked_memory_is_refused(self):
        said = self.refused(f"name: bad\ncpuset: {RT_CPU}\nrt: true\nrt_memory: false\n")
        self.assertIn("rt_memory", said)

    def test_a_kernel_that_is_not_there_is_refused(self):
        said = self.refused("name: bad\nqemu: {accel: tcg}\nboot: {kernel: /nowhere/vmlinuz}\n")
        self.assertIn("bad.yaml:3:", said)
        self.assertIn("/nowhere/vmlinuz", said)

    def test_a_program_that_is_not_there_is_refused(self):
        said = self.refused("name: bad\nqemu: {accel: tcg, binary: qemu-system-none}\n")
        self.assertIn("bad.yaml:2:", said)
        self.assertIn("qemu-system-none", said)

    def test_an_unknown_user_is_refused(self):
        said = self.refused("name: bad\nqemu: {accel: tcg}\nsecurity: {user: kvmrt-nobody-has-this}\n")
        self.assertIn('no user "kvmrt-nobody-has-this"', said)

    def test_a_preflight_without_cpus_to_measure_is_refused(self):
        said = self.refused("name: bad\nqemu: {accel: tcg}\nlatency: {preflight_s: 5}\n")
        self.assertRegex(said, "bad.yaml:3:.*latency.preflight_s.*cpuset is empty")


class Usage(harness.LaunchTest):
    def wrong(self, *arguments):
        found = self.run_tool("launch", *arguments)
        self.assertEqual((found.returncode, found.stdout), (2, ""))
        self.assertIn("--help", found.stderr)
        self.assertLessEqual(len(found.stderr.splitlines()), 3, found.stderr)
        self.assertFalse(self.run_dir.exists())

    def test_an_unknown_option_is_2(self):
        self.wrong("--profle", "x")

    def test_no_profile_is_2(self):
        self.wrong()

    def test_an_unknown_accelerator_is_2(self):
        self.wrong("--accel", "xen", "x")

    def test_json_without_a_dry_run_is_2(self):
        self.wrong("--json", "x")

    def test_a_console_that_is_given_up_is_2(self):
        self.wrong("--console", "--detach", "x")

    def test_help_and_version_are_0(self):
        for option, text in (("--help", "kvmrt-launch --dry-run"), ("--version", "kvmrt-launch ")):
            found = self.run_tool("launch", option)
            self.assertEqual((found.returncode, found.stderr), (0, ""))
            self.assertIn(text, found.stdout)


class FailedStarts(harness.LaunchTest):
    needs_fake = True

    def failed(self, launched, *texts):
        self.said(launched, 1, *texts)
        state = launched.state()
        self.assertEqual((state["status"], state["exit_code"], state["qemu"]), ("failed", 1, None))

    def test_qemus_own_words_are_quoted(self):
        arguments = ["-device", "isa-debug-exit,foo=1"]
        launched = self.launch(self.profile(qemu={"accel": "tcg", "extra_args": arguments}))
        self.failed(launched, "QEMU ended before the guest ran (exit status 1)",
                    "Property 'isa-debug-exit.foo' not found")

    def test_a_qemu_that_refuses_an_option_is_quoted(self):
        launched = self.launch(self.profile(qemu={"accel": "tcg", "extra_args": ["-bogus"]}))
        self.failed(launched, "-bogus: invalid option", "hint: qemu.extra_args: ")

    def test_a_port_that_is_taken_is_told_with_its_key(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            launched = self.launch(self.profile(graphics={"type": "vnc",
                                                          "listen": f"127.0.0.1:{port}"}))
        self.failed(launched, "Address already in use", "hint: graphics.listen: ")

    def test_a_qemu_that_crashes_is_told(self):
        self.failed(self.fake("crash-in-init"), "(signal 6)")

    def test_a_qemu_that_never_answers_is_given_up(self):
        keys = {"qemu": {"accel": "tcg", "binary": str(harness.FAKE), "start_timeout": "1s"}}
        self.failed(self.fake("never-greet", **keys), "no answer in 1 s", "qemu.start_timeout")

    def test_a_qemu_that_greets_with_nonsense_is_given_up(self):
        self.failed(self.fake("garbage-greeting"))

    def test_a_qemu_that_dies_in_the_middle_of_a_reply_is_told(self):
        self.failed(self.fake("eof-mid-line"), "QEMU ended before the guest ran")

    def test_a_qemu_that_refuses_to_run_on_is_told(self):
        launched = self.fake("refuse=cont")
        self.failed(launched, "cont")

    def test_a_failed_start_gives_the_host_back(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        before = host_snapshot.take()
        launched = self.launch(self.rt_profile(qemu={"accel": "tcg", "extra_args": ["-bogus"]}))
        self.failed(launched, "-bogus: invalid option")
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])


class NotAsPlanned(harness.LaunchTest):
    """QEMU is not what the plan says, so the guest never runs."""

    needs_fake = True

    def refuses_to_run(self, script, *texts, **keys):
        launched = self.fake(script, **keys)
        self.said(launched, 4, "so the guest does not start", *texts)
        self.assertEqual(launched.state()["started_at"], 0)

    def test_a_vcpu_that_is_missing(self):
        self.refuses_to_run("short-cpu-list", nr_vcpus=2)

    def test_a_vcpu_whose_thread_appears_too_late(self):
        self.refuses_to_run("late-vcpu", nr_vcpus=2)

    def test_vcpus_that_share_a_thread(self):
        self.refuses_to_run("duplicate-tids", nr_vcpus=2)

    def test_vcpus_that_do_not_exist(self):
        self.refuses_to_run("dead-tids")

    def test_vcpus_of_another_process_which_is_not_touched(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        stranger = subprocess.Popen(["sleep", "100"])
        self.addCleanup(stranger.wait, 10)
        self.addCleanup(stranger.kill)
        os.sched_setaffinity(stranger.pid, {harness.CPUS[0]})
        was = kernel.thread(stranger.pid, stranger.pid)
        binary = {"accel": "tcg", "binary": str(harness.FAKE)}
        launched = self.begin(self.rt_profile(qemu=binary), environment=self.environment(
            KVMRT_FAKE_QEMU=f"foreign-tids={stranger.pid}"))
        self.said(launched, 4)
        self.assertEqual(kernel.thread(stranger.pid, stranger.pid), was)

    def test_memory_that_is_not_locked(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        before = host_snapshot.take()
        launched = self.begin(self.rt_profile(qemu={"accel": "tcg", "binary": str(harness.FAKE)}),
                              environment=self.environment(KVMRT_FAKE_QEMU="unlocked"))
        self.said(launched, 4, "locked")
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])
