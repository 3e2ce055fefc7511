# SPDX-License-Identifier: MIT
"""kvmrt-latency on this host, and the gate before a guest starts. No limit of any latency is
asserted: what a busy machine reaches is its own affair."""

import json
import os
import shutil
import signal
import subprocess
import unittest
import xml.dom.minidom

import harness
import host_snapshot
from harness import BIN, RT_CPU, rom


class HostLatency(harness.LaunchTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("SCHED_FIFO needs root")

    def measure(self, *arguments, code=0):
        found = self.run_tool("latency", "host", "--cpus", str(RT_CPU), "--duration", "1",
                              "--priority", "1", *arguments)
        self.assertEqual(found.returncode, code, found.stderr)
        return found.stdout

    def test_a_second_of_one_cpu(self):
        report = json.loads(self.measure("--json"))
        (one,) = report["series"]
        self.assertEqual((one["where"], one["cpu"]), ("host", RT_CPU))
        self.assertGreater(one["wakeups"], 0)
        self.assertEqual(sum(count for _, count in one["histogram"]), one["wakeups"])
        self.assertEqual(max(us for us, _ in one["histogram"]), one["max_us"])
        self.assertLessEqual(one["min_us"], one["avg_us"])
        self.assertEqual(report["verdict"], "no budget")

    def test_the_measuring_thread_is_where_it_says(self):
        process = subprocess.Popen(
            [BIN / "kvmrt-latency", "host", "--cpus", str(RT_CPU), "--duration", "60",
             "--priority", "2", "--json"], stdout=subprocess.PIPE, env=self.environment())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)

        def placed():
            for tid in os.listdir(f"/proc/{process.pid}/task"):
                thread = harness.kernel.thread(process.pid, int(tid))
                if (thread.cpus, thread.policy, thread.priority) == ({RT_CPU}, os.SCHED_FIFO, 2):
                    return True
            return False

        harness.until("a FIFO thread on the CPU", placed)
        # What Ctrl-C leaves is a report all the same.
        process.send_signal(signal.SIGINT)
        report = json.loads(process.stdout.read())
        self.assertEqual(process.wait(10), 0)
        self.assertLess(report["seconds"], report["seconds_wanted"])

    def test_over_the_budget_is_exit_code_4(self):
        # 1 us: no machine wakes a thread in less, and if one does, the verdict says so.
        found = self.run_tool("latency", "host", "--cpus", str(RT_CPU), "--duration", "1",
                              "--priority", "1", "--budget", "1", "--json")
        report = json.loads(found.stdout)
        over = max(one["max_us"] for one in report["series"]) > 1
        self.assertEqual((found.returncode, report["verdict"]), (4, "over") if over else (0, "within"))

    def test_plot_bundle_diff_and_compare(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        picture, first, second = (self.folder / name for name in ("a.svg", "first", "second"))
        (self.folder / "a.json").write_text(
            self.measure("--json", "--plot", picture, "--bundle", first))
        drawn = xml.dom.minidom.parse(str(picture)).documentElement
        self.assertEqual(drawn.tagName, "svg")
        self.assertIn(f"host CPU {RT_CPU}", picture.read_text())
        self.measure("--bundle", second)
        with open("/proc/cmdline", encoding="utf-8") as file:
            self.assertEqual((first / "cmdline.txt").read_text(), file.read())
        (second / "cmdline.txt").write_text("quiet another=1\n")
        found = self.run_tool("latency", "diff", first, second)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("cmdline.txt\n- ", found.stdout)
        self.assertIn("+ quiet another=1", found.stdout)
        found = self.run_tool("latency", "--compare", self.folder / "a.json", second / "report.json")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn(f"host CPU {RT_CPU}", found.stdout)
        found = self.run_tool("latency", "host", "--duration", "0.1", "--bundle", first)
        self.assertEqual(found.returncode, 1)
        self.assertIn("has files in it already", found.stderr)

    def test_cyclictest_gives_the_same_report(self):
        if not shutil.which("cyclictest"):
            self.skipTest("cyclictest (package rt-tests) is not installed")
        report = json.loads(self.measure("--json", "--tool", "cyclictest"))
        self.assertEqual((report["tool"], report["series"][0]["cpu"]), ("cyclictest", RT_CPU))
        self.assertGreater(report["series"][0]["wakeups"], 0)

    def test_load_runs_beside_and_ends_with_it(self):
        if not shutil.which("stress-ng"):
            self.skipTest("stress-ng is not installed")
        if len(harness.CPUS) < 2:
            self.skipTest("a load beside it needs a second CPU")
        report = json.loads(self.measure("--json", "--load"))
        self.assertIn("stress-ng", report["load"])
        left = [pid for pid in os.listdir("/proc") if pid.isdigit() and
                harness.kernel.alive(int(pid)) and
                (host_snapshot.read(f"/proc/{pid}/comm") or "").startswith("stress-ng")]
        self.assertEqual(left, [])

    def test_what_cannot_be_is_refused(self):
        for words, code in ((["host", "--cpus", "x"], 3), (["nothing"], 2), (["guest"], 2),
                            (["host", "--cpus", "8000", "--duration", "0.1"], 1),
                            (["diff", self.folder, self.folder], 1),
                            (["guest", "--image", self.folder, "any"], 1)):
            found = self.run_tool("latency", *words)
            self.assertEqual((found.returncode, found.stdout), (code, ""), (words, found.stderr))
            self.assertNotEqual(found.stderr, "")


class LatencyGate(harness.LaunchTest):
    needs_real_time = True

    def profile_with(self, budget):
        return self.rt_profile(boot={"firmware": str(rom("OFFQ35"))},
                               latency={"budget_us": budget, "preflight_s": 1})

    def report(self):
        return json.loads((self.run_dir / "vms" / self.name / "preflight.json").read_text())

    def test_cpus_within_the_budget_let_the_guest_start(self):
        launched = self.launch(self.profile_with(1000000))
        self.assertEqual(launched.code, 0, launched.errors())
        self.assertIn("worst of", launched.errors())
        self.assertEqual(self.report()["series"][0]["cpu"], RT_CPU)

    def test_cpus_over_the_budget_end_the_start_with_4_and_the_host_as_it_was(self):
        before = host_snapshot.take()
        launched = self.launch(self.profile_with(1))
        if max(one["max_us"] for one in self.report()["series"]) <= 1:
            self.skipTest("this machine wakes threads in less than 2 us")
        self.assertEqual(launched.code, 4, launched.errors())
        self.assertIn("latency.budget_us is 1", launched.errors())
        self.assertEqual(self.state()["status"], "failed")
        self.assertIsNone(self.state()["qemu"])
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])

    def test_a_signal_meanwhile_gives_the_host_back(self):
        before = host_snapshot.take()
        launched = self.begin(self.rt_profile(boot={"firmware": str(rom("OFFQ35"))},
                                              latency={"preflight_s": 600}))
        launched.until_said("before the start")
        self.assertEqual(launched.stop(), 0, launched.errors())
        self.assertIn("before the guest ran", launched.errors())
        self.assertEqual(host_snapshot.differences(before, host_snapshot.take()), [])


class GuestLatency(harness.LaunchTest):
    """Debian's cloud kernel, emulated: the whole way, not the figures."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = harness._shared / "measure"
        made = subprocess.run([harness.SOURCE / "scripts/guest/build-measure", "--kernel",
                               "6.1-cloud", cls.image], capture_output=True, text=True, timeout=900,
                              check=False)
        if made.returncode == 77:
            raise unittest.SkipTest(f"the measuring guest cannot be made: {made.stderr}")
        if made.returncode != 0:
            raise AssertionError(made.stderr)

    def test_the_guests_histogram_stands_beside_the_hosts(self):
        profile = self.profile(cpuset=str(RT_CPU), memory="256MiB")
        found = self.run_tool("latency", "guest", profile, "--image", self.image, "--duration", "1",
                              "--interval", "10000", "--priority", "1", "--json", limit=240)
        self.assertEqual(found.returncode, 0, found.stderr)
        report = json.loads(found.stdout)
        self.assertEqual([(one["where"], one["cpu"]) for one in report["series"]],
                         [("host", RT_CPU), ("guest", 0)])
        for one in report["series"]:
            self.assertGreater(one["wakeups"], 0)
        self.assertTrue(any("is not PREEMPT_RT" in line for line in report["guest"]),
                        report["guest"])
