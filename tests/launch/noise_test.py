# SPDX-License-Identifier: MIT
"""The interference ledger of a guest that is disturbed on purpose."""

import os
import shutil
import subprocess
import sys

import harness
import kernel
from harness import RT_CPU, rom

# Runs in bursts above the vCPU's priority, and says how long it has run when it is told to end.
BURNER = """
import os, sys, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 1
while time.monotonic() < end:
    burst = time.monotonic() + 0.02
    while time.monotonic() < burst:
        pass
    time.sleep(0.02)
print("done", flush=True)
sys.stdin.readline()
"""


class Noise(harness.LaunchTest):
    needs_real_time = True

    def start(self, *arguments, **keys):
        made = {"boot": {"firmware": str(rom("SPIN"))}, "latency": {"budget_us": 50}} | keys
        guest = self.begin(self.rt_profile(**made), *arguments)
        return guest.until_state("running").until_said("guest runs")

    def noise(self, guest):
        return self.stat("--noise")[guest.name]["noise"]

    def vcpu_delay(self, guest):
        """ns, as the kernel says."""
        for thread in kernel.threads(guest.qemu()):
            if thread.name.startswith("CPU 0"):
                with open(f"/proc/{guest.qemu()}/task/{thread.tid}/schedstat",
                          encoding="utf-8") as file:
                    return int(file.read().split()[1])
        raise AssertionError("no vCPU thread")

    def disturb(self):
        """A task that the test moves to the guest's CPU; it lives until the test ends."""
        burner = subprocess.Popen([sys.executable, "-c", BURNER], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(burner.stdout.close)
        self.addCleanup(burner.wait, 10)
        self.addCleanup(burner.stdin.close)
        self.addCleanup(burner.kill)
        self.assertEqual(burner.stdout.readline(), "ready\n")
        os.sched_setaffinity(burner.pid, {RT_CPU})
        burner.stdin.write("go\n")
        burner.stdin.flush()
        self.assertEqual(burner.stdout.readline(), "done\n")
        return burner

    def test_the_task_that_ran_on_the_guests_cpu_is_named(self):
        guest = self.start()
        before = self.vcpu_delay(guest)
        burner = self.disturb()
        waited = self.vcpu_delay(guest) - before
        noise = self.noise(guest)
        culprit = noise["since_start"]["culprit"]
        self.assertEqual((culprit["tid"], culprit["cpus"]), (burner.pid, str(RT_CPU)), noise)
        self.assertGreater(culprit["time_ns"], waited // 2)
        vcpu = noise["since_start"]["vcpus"][0]
        self.assertGreaterEqual(vcpu["run_delay_ns"], waited)
        self.assertEqual(vcpu["verdict"], "over")
        self.assertGreater(vcpu["involuntary_switches"], 0)
        table = self.run_tool("stat", "-f", self.folder / "none", "--noise", guest.name).stdout
        self.assertRegex(table, rf"culprit: task \S+ \({burner.pid}\) ran .* on CPU {RT_CPU}")
        # The slow check moves the task away, tells of it, and does not forget it.
        guest.until_said("over latency.budget_us 50")
        harness.until("the stranger moved away",
                      lambda: os.sched_getaffinity(burner.pid) != {RT_CPU})
        self.assertEqual(self.noise(guest)["since_start"]["culprit"]["tid"], burner.pid)
        self.assertEqual(guest.stop(), 0)
        self.assertRegex(guest.errors(), rf"noise in \d+ s: vcpu0 waited .*over.*\({burner.pid}\)")

    def test_interrupts_on_the_guests_cpu_have_their_source(self):
        guest = self.start()
        noise = self.noise(guest)
        sources = {one["name"] for one in noise["since_start"]["disturbers"]
                   if one["source"] == "interrupt"}
        self.assertIn("LOC Local timer interrupts", sources)
        self.assertEqual(noise["since_start"]["watched_cpus"], str(RT_CPU))
        self.assertAlmostEqual(noise["interval"]["period_ns"], 1e9, delta=3e10)
        self.assertEqual(guest.stop(), 0)

    def test_a_guest_that_owns_no_cpu_has_its_vcpus_in_the_ledger(self):
        guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_state("running").until_said("guest runs")
        noise = self.noise(guest)
        self.assertEqual(noise["since_start"]["watched_cpus"], "")
        self.assertEqual(len(noise["since_start"]["vcpus"]), 1)
        self.assertEqual(noise["since_start"]["vcpus"][0]["verdict"], "no budget")
        self.assertEqual(guest.stop(), 0)


class Metrics(harness.LaunchTest):
    def metrics(self):
        found = self.run_tool("stat", "-f", self.folder / "none", "--openmetrics")
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        return found.stdout

    def start(self):
        guest = self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        return guest.until_state("running").until_said("guest runs")

    def test_counters_are_those_of_the_kernel(self):
        guest = self.start()
        labels = f'vm="{guest.name}",vcpu="0"'
        rows = dict(line.rsplit(" ", 1) for line in self.metrics().splitlines()
                    if not line.startswith("#"))
        thread = next(t for t in kernel.threads(guest.qemu()) if t.name.startswith("CPU 0"))
        switched = int(kernel.status(guest.qemu(), thread.tid)["nonvoluntary_ctxt_switches"])
        told = float(rows[f"kvmrt_vcpu_involuntary_switches_total{{{labels}}}"])
        self.assertLessEqual(told, switched)
        self.assertEqual(rows[f'kvmrt_vm_running{{vm="{guest.name}"}}'], "1")
        self.assertEqual(guest.stop(), 0)
        self.assertIn(f'kvmrt_vm_state{{vm="{guest.name}",state="stopped"}} 1', self.metrics())

    def test_promtool_finds_no_fault(self):
        promtool = os.environ.get("KVMRT_PROMTOOL") or shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (package prometheus) is not installed")
        guest = self.start()
        checked = subprocess.run([promtool, "check", "metrics"], input=self.metrics(), text=True,
                                 capture_output=True, timeout=60, check=False)
        self.assertEqual((checked.returncode, checked.stderr, checked.stdout), (0, "", ""))
        self.assertEqual(guest.stop(), 0)

    def test_forms_that_exclude_each_other_are_refused(self):
        for words in (["--openmetrics", "--json"], ["--noise", "-t"]):
            found = self.run_tool("stat", *words)
            self.assertEqual((found.returncode, found.stdout), (2, ""))
