# SPDX-License-Identifier: MIT
"""The built program, driven as its users drive it. Everything that is started here has a limit of
time, and is ended by its pid when the test is over, whatever happened."""

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import kernel

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("KVMRT_BIN", SOURCE / "build/bin"))
FAKE = Path(os.environ.get("KVMRT_FAKE", BIN.parent / "tests/fake_qemu/fake_qemu"))
START = 40  # seconds: a guest runs by then, on a machine that has other work
TICK = 0.02

CPUS = sorted(kernel.cpu_list(Path("/sys/devices/system/cpu/online").read_text()))
RT_CPU = CPUS[-1]
HOUSEKEEPING = set(CPUS) - {RT_CPU}
TCG = {"accel": "tcg"}
EXIT_DEVICE = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]

_shared = Path(tempfile.mkdtemp(prefix="kvmrt-roms-"))
_shared.chmod(0o755)
atexit.register(shutil.rmtree, _shared, ignore_errors=True)


def rom(*defines):
    """The ROM guest that does this; made once."""
    path = _shared / ("_".join(defines).translate(str.maketrans("/= ", "---")) + ".rom")
    if not path.exists():
        subprocess.run([SOURCE / "scripts/guest/build-rom", path, *defines], check=True, timeout=60)
    return path


@functools.cache
def linux_guest():
    """The `boot` keys of the small Linux guest, less the command line; made once. Skips the test
    where Debian's kernel cannot be had."""
    made = subprocess.run([SOURCE / "scripts/guest/build-linux", _shared / "linux"], timeout=200,
                          capture_output=True, text=True, check=False)
    if made.returncode == 77:
        raise unittest.SkipTest(made.stdout + made.stderr)
    if made.returncode != 0:
        raise AssertionError(made.stderr)
    return {"kernel": str(_shared / "linux/vmlinux"), "initrd": str(_shared / "linux/guest.img")}


def missing():
    """Why nothing of this can run here, or None."""
    for tool in ("qemu-system-x86_64", "gcc", "ld"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    return None


@functools.cache
def kvm_cpu():
    """The CPU model that works under this machine's KVM (tests/kvm-cpu tells why it is asked), and
    what is wrong where none does."""
    asked = subprocess.run([SOURCE / "tests/kvm-cpu"], capture_output=True, text=True, timeout=60,
                           check=False)
    return asked.stdout.strip(), asked.stderr.strip()


def kvm():
    """The `qemu` keys of a guest under KVM."""
    return {"accel": "kvm", "cpu": kvm_cpu()[0] or "host"}


def no_kvm():
    return None if kvm_cpu()[0] else kvm_cpu()[1]


def no_real_time():
    """Why this machine cannot spare its last CPU for a real-time guest, or None."""
    if os.geteuid() != 0:
        return "taking a CPU from the host needs root"
    if len(CPUS) < 2:
        return "a real-time guest needs a second CPU"
    siblings = Path(f"/sys/devices/system/cpu/cpu{RT_CPU}/topology/thread_siblings_list")
    if siblings.exists() and kernel.cpu_list(siblings.read_text()) != {RT_CPU}:
        return f"CPU {RT_CPU} has SMT siblings, and the tests take none offline"
    return None


def until(what, condition, limit=START):
    """The first true answer of `condition`; fails loudly when there is none in time."""
    end = time.monotonic() + limit
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not in {limit} s: {what}")
        time.sleep(TICK)


class Launched:
    """A kvmrt-launch that runs."""

    def __init__(self, test, name, process, output, errors):
        self.test, self.name, self.process = test, name, process
        self.output_path, self.errors_path = output, errors

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.output_path.read_text(errors="replace")

    def errors(self):
        return self.errors_path.read_text(errors="replace")

    def wait(self, limit=START):
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not ended in {limit} s; it said:\n{self.errors()}") from None

    def until_state(self, *wanted, limit=START):
        def there():
            if self.process.poll() is not None and self.state().get("status") not in wanted:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.errors()}")
            return self.state().get("status") in wanted

        until(f"{self.name} {wanted}; it said:\n{self.errors()}", there, limit)
        return self

    def until_said(self, text, times=1, limit=START):
        until(f"said {text!r}", lambda: self.errors().count(text) >= times, limit)
        return self

    def state(self):
        return self.test.state(self.name)

    def qemu(self):
        return self.state()["qemu"]["pid"]

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, limit=START):
        self.signal(signal.SIGTERM)
        return self.wait(limit)


class Monitor:
    """A client of a VM's monitor.sock, as qmp-shell is one."""

    def __init__(self, test, name):
        self.socket = socket.socket(socket.AF_UNIX)
        test.addCleanup(self.close)
        self.socket.settimeout(START)
        self.socket.connect(str(test.run_dir / "vms" / name / "monitor.sock"))
        self.lines = self.socket.makefile("rw")
        self.events = []
        test.assertIn("QMP", json.loads(self.lines.readline()))
        self.ask("qmp_capabilities")

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, command, number, **arguments):
        asked = {"execute": command, "id": number, "arguments": arguments}
        self.lines.write(json.dumps(asked) + "\n")
        self.lines.flush()

    def receive(self, number):
        """The reply of this id; events before it are kept."""
        while True:
            line = json.loads(self.lines.readline())
            if line.get("id") == number:
                return line
            if "event" in line:
                self.events.append(line["event"])

    def ask(self, command, **arguments):
        self.send(command, command, **arguments)
        return self.receive(command)


class LaunchTest(unittest.TestCase):
    """A folder of its own for each test: profiles, state, logs."""

    needs_real_time = False
    needs_kvm = False
    needs_fake = False

    @classmethod
    def setUpClass(cls):
        reasons = [missing(), no_real_time() if cls.needs_real_time else None,
                   no_kvm() if cls.needs_kvm else None,
                   f"{FAKE} is not built" if cls.needs_fake and not FAKE.exists() else None]
        for reason in filter(None, reasons):
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kvmrt-launch-"))
        self.folder.chmod(0o755)
        self.run_dir = self.folder / "run"
        self.name = "t" + self._testMethodName[-30:].strip("_")
        self.processes = []
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.end_all)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFY_", "WATCHDOG_"))}
        return kept | {"KVMRT_RUNDIR": str(self.run_dir), "NO_COLOR": "1", "LC_ALL": "C"} | more

    def profile(self, **keys):
        """A profile file (JSON is YAML too) of a small guest without wishes, and with `keys`."""
        made = {"name": self.name, "memory": "32MiB", "qemu": TCG,
                "lifecycle": {"shutdown_timeout": "1s"}} | keys
        path = self.folder / f"{made['name']}.yaml"
        path.write_text(json.dumps(made, indent=1))
        return path

    def rt_profile(self, **keys):
        return self.profile(**({"cpuset": str(RT_CPU), "rt": True,
                                "realtime": {"emulator_cpuset": "housekeeping"}} | keys))

    def fake_profile(self, **keys):
        return self.profile(**({"qemu": {"accel": "tcg", "binary": str(FAKE)}} | keys))

    def run_tool(self, tool, *arguments, limit=60, environment=None, prefix=(), **how):
        return subprocess.run([*prefix, BIN / f"kvmrt-{tool}", *map(str, arguments)], timeout=limit,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env=environment or self.environment(), check=False, **how)

    def begin(self, profile, *arguments, environment=None, prefix=(), **how):
        """Starts a kvmrt-launch (through the command `prefix`, which becomes it) and comes back at
        once."""
        number = len(self.processes)
        output, errors = self.folder / f"output{number}", self.folder / f"errors{number}"
        how.setdefault("stdin", subprocess.DEVNULL)
        with open(output, "wb") as out, open(errors, "wb") as err:
            process = subprocess.Popen(
                [*prefix, BIN / "kvmrt-launch", "-v", "-f", self.folder / "none", *arguments, profile],
                env=environment or self.environment(), **({"stdout": out, "stderr": err} | how))
        name = json.loads(Path(profile).read_text())["name"]
        launched = Launched(self, name, process, output, errors)
        self.processes.append(launched)
        return launched

    def launch(self, profile, *arguments, limit=START, **how):
        """Runs a kvmrt-launch to its end."""
        launched = self.begin(profile, *arguments, **how)
        launched.code = launched.wait(limit)
        return launched

    def fake(self, script, *arguments, **keys):
        return self.begin(self.fake_profile(**keys), *arguments,
                          environment=self.environment(KVMRT_FAKE_QEMU=script))

    def state(self, name=None):
        try:
            return json.loads((self.run_dir / "vms" / (name or self.name) / "state.json").read_text())
        except (OSError, ValueError):
            return {}

    def stat(self, *arguments):
        found = self.run_tool("stat", "-f", self.folder / "none", "--json", *arguments)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        return {vm["name"]: vm for vm in json.loads(found.stdout)["vms"]}

    def said(self, launched, code, *texts):
        """It ended with this code, and standard error has all these texts."""
        self.assertEqual(launched.wait(), code, launched.errors())
        for text in texts:
            self.assertIn(text, launched.errors())

    def no_qemu_left(self, pid):
        until(f"QEMU {pid} gone", lambda: not kernel.alive(pid), 10)

    def qemus(self):
        """(pid, start time) of every QEMU that a state file tells of."""
        for folder in (self.run_dir / "vms").glob("*"):
            qemu = self.state(folder.name).get("qemu")
            if qemu:
                yield qemu["pid"], qemu["start_time"]

    def end_all(self):
        for launched in self.processes:
            if launched.process.poll() is None:
                launched.process.kill()
            launched.process.wait(10)
        for pid, started in self.qemus():
            if kernel.start_time(pid) == started and kernel.alive(pid):
                os.kill(pid, signal.SIGKILL)
                until(f"QEMU {pid} gone", lambda pid=pid: not kernel.alive(pid), 10)
        if (self.run_dir / "vms").exists():
            self.run_tool("recover")
