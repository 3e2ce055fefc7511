# SPDX-License-Identifier: MIT
"""What a service manager is told (sd_notify(3)), and when vCPUs become real-time."""

import os
import signal
import socket
import time

import harness
import kernel
from harness import RT_CPU, rom


class ServiceManager(harness.LaunchTest):
    """The test is the service manager."""

    def setUp(self):
        super().setUp()
        path = str(self.folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(path)
        self.socket.settimeout(0.1)
        self.addCleanup(self.socket.close)
        self.heard = []
        self.manager = {"NOTIFY_SOCKET": path}

    def listen(self):
        """Takes what has come; one message a line of `heard`."""
        try:
            while True:
                self.heard += self.socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return self.heard

    def until_heard(self, line, limit=harness.START):
        harness.until(f"heard {line}; heard {self.heard}", lambda: line in self.listen(), limit)

    def begin_watched(self, *defines, **variables):
        profile = self.profile(boot={"firmware": str(rom(*defines))})
        return self.begin(profile, environment=self.environment(**self.manager, **variables))

    def test_ready_is_told_when_the_guest_runs_and_stopping_when_it_is_to_end(self):
        guest = self.begin_watched("SAY=halts")
        self.until_heard("READY=1")
        self.assertEqual(guest.state()["status"], "running")
        self.assertTrue(kernel.alive(guest.qemu()))
        before = self.heard[: self.heard.index("READY=1")]
        self.assertTrue([line for line in before if line.startswith("EXTEND_TIMEOUT_USEC=")], before)
        self.assertNotIn("STOPPING=1", self.heard)
        guest.signal(signal.SIGTERM)
        self.until_heard("STOPPING=1")
        self.assertEqual(guest.wait(), 0)
        after = self.listen()[self.heard.index("STOPPING=1"):]
        self.assertTrue([line for line in after if line.startswith("EXTEND_TIMEOUT_USEC=")], after)
        self.assertEqual(self.heard.count("READY=1"), 1)

    def test_the_time_that_is_asked_for_grows_with_the_memory(self):
        asked = []
        for memory in ("32MiB", "8GiB"):
            self.listen()
            self.heard.clear()
            guest = self.begin(self.fake_profile(memory=memory),
                               environment=self.environment(**self.manager))
            self.until_heard("READY=1")
            asked += [int(line.split("=")[1]) for line in self.heard
                      if line.startswith("EXTEND_TIMEOUT_USEC=")][:1]
            self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertGreaterEqual(asked[1] - asked[0], 8 * 10 * 1_000_000)

    def test_a_failed_start_is_never_ready(self):
        arguments = {"accel": "tcg", "extra_args": ["-bogus"]}
        guest = self.launch(self.profile(qemu=arguments), environment=self.environment(**self.manager))
        self.assertEqual(guest.code, 1)
        self.assertNotIn("READY=1", self.listen())

    def test_the_watchdog_is_fed_as_long_as_qemu_answers(self):
        guest = self.begin_watched("SAY=halts", WATCHDOG_USEC="400000")
        self.until_heard("WATCHDOG=1")
        harness.until("fed again", lambda: self.listen().count("WATCHDOG=1") >= 3, 5)
        qemu = guest.qemu()
        os.kill(qemu, signal.SIGSTOP)
        time.sleep(0.5)
        self.listen()
        fed = self.heard.count("WATCHDOG=1")
        time.sleep(1)
        self.assertEqual(self.listen().count("WATCHDOG=1"), fed, "a frozen QEMU is to be seen")
        os.kill(qemu, signal.SIGCONT)
        harness.until("fed again", lambda: self.listen().count("WATCHDOG=1") > fed, 5)
        self.assertEqual(guest.stop(), 0)

    def test_a_watchdog_of_another_process_is_not_fed(self):
        guest = self.begin_watched("SAY=halts", WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        self.until_heard("READY=1")
        time.sleep(0.5)
        self.assertNotIn("WATCHDOG=1", self.listen())
        self.assertEqual(guest.stop(), 0)

    def test_qemu_hears_nothing_of_the_service_manager(self):
        guest = self.begin_watched("SAY=halts", WATCHDOG_USEC="10000000")
        self.until_heard("READY=1")
        with open(f"/proc/{guest.qemu()}/environ", encoding="utf-8") as file:
            names = {item.split("=", 1)[0] for item in file.read().split("\0")}
        self.assertFalse({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & names)
        self.assertEqual(guest.stop(), 0)

    def test_levels_are_marked_for_the_journal_and_for_nobody_else(self):
        profile = self.profile(boot={"firmware": str(rom("SAY=off", "OFFQ35"))})
        for number, is_journal in enumerate((False, True)):
            errors = self.folder / f"errors{number}"
            errors.touch()
            told = errors.stat() if is_journal else self.folder.stat()
            stream = f"{told.st_dev}:{told.st_ino}"
            guest = self.launch(profile, environment=self.environment(JOURNAL_STREAM=stream))
            self.assertIn("guest runs", guest.errors())
            lines = guest.errors().splitlines()
            marked = [line for line in lines if line.startswith("<")]
            self.assertEqual(bool(marked), is_journal, lines)


class Promotion(harness.LaunchTest):
    """promote: after-boot: on its CPU from the start, real-time when the guest is up."""

    needs_real_time = True
    needs_fake = True

    def start(self, script, after):
        # A duration is a plain scalar, and JSON has none of those; an override is one.
        wishes = {"emulator_cpuset": "housekeeping", "promote": "after-boot"}
        profile = self.rt_profile(realtime=wishes,
                                  qemu={"accel": "tcg", "binary": str(harness.FAKE)})
        guest = self.begin(profile, "--set", f"realtime.promote_after={after}",
                           environment=self.environment(KVMRT_FAKE_QEMU=script))
        return guest.until_state("running").until_said("guest runs")

    def vcpu(self, guest):
        found = kernel.thread(guest.qemu(), guest.state()["reported"]["vcpus"]["0"])
        return found.cpus, found.policy, found.priority

    def becomes_real_time(self, guest):
        self.assertEqual(self.vcpu(guest), ({RT_CPU}, os.SCHED_OTHER, 0))
        rows = self.stat("-t")[guest.name]["threads"]
        self.assertEqual([row for row in rows if not row["as_planned"]], [])
        guest.until_said("its vCPUs are real-time now", limit=15)
        self.assertEqual(self.vcpu(guest), ({RT_CPU}, os.SCHED_FIFO, 1))
        rows = self.stat("-t")[guest.name]["threads"]
        self.assertEqual([row for row in rows if not row["as_planned"]], [])
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_after_a_time(self):
        self.becomes_real_time(self.start("", "2s"))

    def test_after_a_line_on_the_serial_port(self):
        self.becomes_real_time(self.start("serial=guest boots;wait=2000;serial=guest is up", "is up"))

    def test_not_without_the_line(self):
        guest = self.start("serial=guest boots", "is up")
        time.sleep(1)
        self.assertEqual(self.vcpu(guest), ({RT_CPU}, os.SCHED_OTHER, 0))
        self.assertEqual(guest.stop(), 0)
