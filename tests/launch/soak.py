# SPDX-License-Identifier: MIT
"""Many VMs in random order. Each is a ROM guest that halts; a worker starts one, stops it, kills
its supervisor or its QEMU, or has the supervisor's program replaced."""

import collections
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import harness
import host_snapshot
import kernel
from harness import BIN, RT_CPU, rom


class Place:
    """A folder for profiles and state, without a test case around it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kvmrt-soak-"))
        self.folder.chmod(0o755)
        self.run_dir = self.folder / "run"
        self.environment = dict(os.environ) | {"KVMRT_RUNDIR": str(self.run_dir), "LC_ALL": "C"}

    def profile(self, name, **keys):
        made = {"name": name, "memory": "8MiB", "qemu": harness.TCG,
                "boot": {"firmware": str(rom("SAY=halts"))},
                "lifecycle": {"shutdown_timeout": "1s"}} | keys
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(made))
        return path

    def command(self, tool, *arguments):
        return [BIN / f"kvmrt-{tool}", *map(str, arguments)]

    def state(self, name):
        try:
            return json.loads((self.run_dir / "vms" / name / "state.json").read_text())
        except (OSError, ValueError):
            return {}

    def recover(self):
        return subprocess.run(self.command("recover"), env=self.environment, capture_output=True,
                              text=True, timeout=120, check=False)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Vm:
    """One VM, in the hands of one worker at a time."""

    def __init__(self, place, name, **keys):
        self.place, self.name = place, name
        self.path = place.profile(name, **keys)
        self.log = place.folder / f"{name}.log"
        self.process, self.lock = None, threading.Lock()
        self.wrong = []

    def start(self):
        before = self.lives()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.place.command("launch", "-f", self.place.folder / "none", self.path),
                env=self.place.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until_runs(before)

    def lives(self):
        """How often a supervisor has said that the guest runs."""
        return self.log.read_text(errors="replace").count("guest runs") if self.log.exists() else 0

    def until_runs(self, before):
        def runs():
            return self.lives() > before or self.process.poll() is not None

        try:
            harness.until(f"{self.name} runs", runs, 120)
        except AssertionError as late:
            self.wrong.append(str(late))
        if self.process.poll() is not None:
            self.wrong.append(f"{self.name}: start ended with {self.process.returncode}: {self.said()}")
            self.process = None

    def said(self):
        return self.log.read_text(errors="replace")[-500:]

    def end(self, number, *codes):
        self.process.send_signal(number)
        try:
            code = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
            self.wrong.append(f"{self.name}: did not end")
        if code not in codes:
            self.wrong.append(f"{self.name}: ended with {code}: {self.said()}")
        self.process = None

    def kill_qemu(self):
        pid = (self.place.state(self.name).get("qemu") or {}).get("pid")
        if pid and "qemu" in kernel.status(pid).get("Name", ""):
            os.kill(pid, signal.SIGKILL)
        self.end(0, 12, 0)

    def orphan(self):
        """The supervisor is killed; the next start adopts the guest."""
        self.end(signal.SIGKILL, -signal.SIGKILL)
        self.start()

    def replace(self):
        before = self.lives()
        self.process.send_signal(signal.SIGUSR2)
        self.until_runs(before)

    def act(self, chance):
        with self.lock:
            if self.process is None:
                return self.start()
            deeds = {"stop": lambda: self.end(signal.SIGTERM, 0),
                     "force": lambda: self.end(signal.SIGQUIT, 0), "kill_qemu": self.kill_qemu,
                     "orphan": self.orphan, "replace": self.replace}
            name = chance.choice(sorted(deeds))
            deeds[name]()
            return name


class Soak:
    def __init__(self, vms, workers, seed, real_time):
        self.place = Place()
        self.workers, self.seed = workers, seed
        self.vms = [Vm(self.place, f"soak{number}") for number in range(vms)]
        if real_time:
            self.vms.append(Vm(self.place, "soak-rt", cpuset=str(RT_CPU), rt=True,
                               realtime={"emulator_cpuset": "housekeeping"}))
        self.wrong = []
        self.deeds = collections.Counter()

    def run(self, seconds):
        before = host_snapshot.take()
        groups = set(host_snapshot.glob.glob("/sys/fs/cgroup/*"))
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self.work, args=(number, end))
                   for number in range(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.end_all()
        print(", ".join(f"{name} {count}" for name, count in sorted(self.deeds.items(), key=str)))
        self.compare(before, groups)
        for vm in self.vms:
            self.wrong += vm.wrong
        if not self.wrong:
            self.place.remove()
        return self.wrong

    def work(self, number, end):
        chance = random.Random(self.seed * 1000 + number)
        own = self.vms[number :: self.workers]
        while time.monotonic() < end and own:
            vm = chance.choice(own)
            try:
                self.deeds[vm.act(chance) or "start"] += 1
            except Exception as error:  # a worker that dies would hide what it saw
                self.wrong.append(f"{vm.name}: {error!r}")
                return

    def end_all(self):
        for vm in self.vms:
            if vm.process is not None:
                vm.end(signal.SIGTERM, 0)

    def compare(self, before, groups):
        found = self.place.recover()
        if found.returncode != 0 or "still running" in found.stdout:
            self.wrong.append(f"recover: {found.stdout}{found.stderr}")
        self.wrong += [f"the host differs: {one}" for one in
                       host_snapshot.differences(before, host_snapshot.take())[:5]]
        left = set(host_snapshot.glob.glob("/sys/fs/cgroup/*")) - groups
        if left:
            self.wrong.append(f"cgroups left: {sorted(left)}")


def cycles(count):
    """One VM again and again."""
    place, wrong = Place(), []
    before = host_snapshot.take()
    vm = Vm(place, "cycle")
    for number in range(count):
        vm.start()
        if vm.process:
            vm.end(signal.SIGTERM, 0)
        if vm.wrong:
            return [f"cycle {number}: {one}" for one in vm.wrong]
    wrong += host_snapshot.differences(before, host_snapshot.take())
    place.remove()
    return wrong + vm.wrong


def under_valgrind():
    """A whole life: start, a proxy's client or two, stop."""
    if not shutil.which("valgrind"):
        return ["valgrind is not installed"]
    place = Place()
    path = place.profile("valgrind", boot={"firmware": str(rom("SECONDS=2", "OFFQ35"))})
    log = place.folder / "valgrind.log"
    made = subprocess.run(
        ["valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect",
         "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99", "--trace-children=no",
         f"--log-file={log}", *place.command("launch", "-f", place.folder / "none", path)],
        env=place.environment, capture_output=True, text=True, timeout=600, check=False)
    if made.returncode == 0:
        place.remove()
        return []
    return [f"ended with {made.returncode}", made.stderr[-1000:], log.read_text()[-3000:]]
