# SPDX-License-Identifier: MIT
"""The supervisor is killed at, or fails in, one system call of a whole run, from its first to its
last; strace(1) injects it. Afterwards the host is as before, no QEMU is left, no lock is held, and
the VM can be started. Of a guest that had begun, an adopter reports the end."""

import collections
import glob
import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import host_snapshot
import kernel

ERRORS = ("EIO", "ENOMEM", "ENOSPC", "EPERM", "EAGAIN")
# What strace cannot inject into, and calls that cannot be taken back or do not return.
SPARED = {"execve", "exit", "exit_group", "rt_sigreturn", "restart_syscall"}


@dataclass(frozen=True)
class Point:
    """The `number`-th call of this name; `fault`: "KILL" or an errno."""

    call: str
    number: int
    fault: str

    def injection(self):
        what = "signal=KILL" if self.fault == "KILL" else f"error={self.fault}"
        return f"inject={self.call}:{what}:when={self.number}"

    def __str__(self):
        return f"{self.call}#{self.number} {self.fault}"


class Matrix:
    def __init__(self, program, profile, environment, folder, most=200):
        self.most = most
        self.command = [str(program / "kvmrt-launch"), "-f", str(folder / "none"), str(profile)]
        self.recover = [str(program / "kvmrt-recover")]
        self.environment, self.folder = environment, folder
        self.before = host_snapshot.take()

    def run(self, *prefix, limit=60):
        with open(self.folder / "said", "wb") as said:
            process = subprocess.Popen([*prefix, *self.command], env=self.environment, stdout=said,
                                       stderr=said, stdin=subprocess.DEVNULL)
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                for pid in self.ours():
                    os.kill(pid, signal.SIGKILL)
                process.wait(10)
                return None

    def said(self):
        return (self.folder / "said").read_text(errors="replace")

    def points(self, faults):
        """Every call of an undisturbed run, with each of the faults."""
        trace = self.folder / "trace"
        code = self.run("strace", "-o", trace, "-e", "signal=none")
        if code != 0:
            raise RuntimeError(f"the undisturbed run ended with {code}: {self.said()}")
        counts = collections.Counter(re.findall(r"^(\w+)\(", trace.read_text(errors="replace"), re.M))
        return [Point(call, number, fault) for call, count in sorted(counts.items())
                if call not in SPARED for number in self.numbers(count) for fault in faults]

    def numbers(self, count):
        """Every call; of a thousand alike (a mask for each task of the host) an even choice."""
        step = max(1, count // self.most)
        return range(1, count + 1, step)

    def ours(self):
        """Supervisors and QEMUs of this matrix that live, known by the folder in their arguments."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            text = (host_snapshot.read(path) or "").split("\0")
            pid = int(path.split("/")[2])
            named = any(str(self.folder) in argument for argument in text)
            if named and pid != os.getpid() and kernel.alive(pid):
                if "kvmrt" in text[0] or "qemu" in text[0]:
                    found.append(pid)
        return found

    def check(self, point):
        """What is wrong after this point, as a list; empty: nothing."""
        wrong = []
        code = self.run("strace", "-o", "/dev/null", "-e", f"trace={point.call}", "-e",
                        "signal=none", "-e", point.injection())
        if code is None:
            return [f"hangs: {self.said()[-300:]}"]
        recovered = self.recovered(wrong)
        if "still running" in recovered:
            again = self.run()
            if again != 0:
                wrong.append(f"the adopter ended with {again}: {self.said()[-300:]}")
            recovered = self.recovered(wrong)
            if "still running" in recovered:
                wrong.append("its guest still runs")
        self.wait_for_quiet(wrong)
        different = host_snapshot.differences(self.before, host_snapshot.take())
        if different:
            wrong.append(f"the host differs: {different[:3]}")
        code = self.run()
        if code != 0:
            wrong.append(f"the next launch ended with {code}: {self.said()[-300:]}")
        return wrong

    def recovered(self, wrong):
        found = subprocess.run(self.recover, env=self.environment, capture_output=True, text=True,
                               timeout=60, check=False)
        if found.returncode != 0:
            wrong.append(f"recover ended with {found.returncode}: {found.stderr[-300:]}")
        return found.stdout

    def wait_for_quiet(self, wrong):
        end = time.monotonic() + 5
        while self.ours():
            if time.monotonic() > end:
                wrong.append(f"left running: {self.ours()}")
                for pid in self.ours():
                    os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.02)


def spread(points, seed=1):
    """An order in which every beginning is a fair sample: call by call in turn, each shuffled."""
    shuffled = random.Random(seed)
    by_call = collections.defaultdict(list)
    for point in points:
        by_call[point.call].append(point)
    for of_call in by_call.values():
        shuffled.shuffle(of_call)
    order = []
    while by_call:
        for call in sorted(by_call):
            order.append(by_call[call].pop())
            if not by_call[call]:
                del by_call[call]
    return order
