# SPDX-License-Identifier: MIT
"""How long it takes from exec to the guest's first instruction: kvmrt-launch, the same QEMU by
itself, libvirt where it is installed. The guest writes a byte with its first instructions, which
comes back through a FIFO: both are stopped by the same watch at the same event."""

import argparse
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/launch"))
import kernel  # noqa: E402

BIN = Path(os.environ["KVMRT_BIN"])
LIMIT = 60  # seconds for anything
MORE_MS, RESIDENT, SIZE = 10, 8 << 20, 4_000_000  # what is asked for


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.fifo = folder / "first"
        os.mkfifo(self.fifo)
        self.first = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        # A writer of our own, so that the FIFO never tells of an end.
        self.held = os.open(self.fifo, os.O_WRONLY | os.O_CLOEXEC)
        self.cpu = kvm_cpu() if options.accel == "kvm" else "auto"
        self.roms = {}
        for name, defines in (("off", ["OFFQ35"]), ("halt", []), ("spin", ["SPIN"])):
            self.roms[name] = folder / f"{name}.rom"
            subprocess.run([ROOT / "scripts/guest/build-rom", self.roms[name], *defines], check=True,
                           timeout=LIMIT)
        self.environment = os.environ | {"KVMRT_RUNDIR": str(folder / "run")}

    def profile(self, name, rt, rom="off"):
        made = {"name": name, "memory": self.options.memory, "boot": {"firmware": str(self.roms[rom])},
                "lifecycle": {"shutdown_timeout": "1s"},
                "qemu": {"accel": self.options.accel, "cpu": self.cpu, "extra_args": [
                    "-chardev", f"file,id=first,path={self.fifo}",
                    "-device", "isa-debugcon,chardev=first,iobase=0xe9"]}}
        if rt:
            made |= {"rt": True, "cpuset": str(self.options.cpu),
                     "realtime": {"emulator_cpuset": "housekeeping"}}
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(made))
        return path

    def until_first_instruction(self):
        if not select.select([self.first], [], [], LIMIT)[0]:
            raise SystemExit("bench: the guest's first instruction did not come")
        now = time.monotonic()
        os.read(self.first, 4096)
        return now

    def tool(self, name, *arguments):
        return [str(BIN / f"kvmrt-{name}"), "-f", str(self.folder / "none"), *map(str, arguments)]

    def kvmrt(self, profile):
        """ms, and ms of processor time until then; the guest then powers itself off."""
        begin = time.monotonic()
        process = subprocess.Popen(self.tool("launch", profile), env=self.environment,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            took = self.until_first_instruction() - begin
            worked = kernel.run_time(process.pid)
            if process.wait(LIMIT) != 0:
                raise SystemExit(f"bench: kvmrt-launch ended with {process.returncode}")
        finally:
            process.kill()
        return took * 1000, worked / 1e6

    def arguments(self, profile):
        """QEMU's, as kvmrt-launch would give them."""
        made = subprocess.run(self.tool("launch", "--dry-run", "--json", profile), check=True,
                              timeout=LIMIT, capture_output=True, env=self.environment)
        return json.loads(made.stdout)["qemu_argv"]

    def qemu(self, argv):
        """ms from exec to the first instruction."""
        begin = time.monotonic()
        with started(argv, self.folder / "qmp", self.folder / "console"):
            return (self.until_first_instruction() - begin) * 1000

    def resident(self, rt):
        profile = self.profile("resident", rt, "halt")
        process = subprocess.Popen(self.tool("launch", profile), env=self.environment,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.until_first_instruction()
            time.sleep(2)
            return kernel.resident(process.pid)[0]
        finally:
            process.terminate()
            process.wait(LIMIT)


@contextlib.contextmanager
def started(argv, path, console_path):
    """The pid of a QEMU whose guest was let run, without kvmrt: descriptor 3 is the monitor's
    listening socket, 4 the console's file."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as monitor, \
            open(console_path, "ab") as console:
        listening.bind(str(path))
        listening.listen(1)
        monitor.settimeout(LIMIT)
        monitor.connect(str(path))
        pid = spawn(argv, {3: listening.fileno(), 4: console.fileno()})
        try:
            for command in ("qmp_capabilities", "cont"):
                read_line(monitor)
                monitor.sendall(json.dumps({"execute": command}).encode())
            yield pid
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def scratch_folder():
    """The state folder is on a tmpfs, as /run/kvmrt is: synchronizing a disk takes milliseconds."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="kvmrt-bench-", dir=memory if memory.is_dir() else None))
    folder.chmod(0o755)  # libvirt's QEMU, of another user, reads its guest there
    return folder


def default_accel():
    return "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


def kvm_cpu():
    """`host`, but for a KVM that refuses it."""
    asked = subprocess.run([ROOT / "tests/kvm-cpu"], timeout=LIMIT, capture_output=True, text=True,
                           check=False)
    if asked.returncode != 0:
        raise SystemExit(asked.stderr.strip())
    return asked.stdout.strip()


def spawn(argv, files):
    """Descriptors at these numbers; the sources are moved out of their way first."""
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for number, fd in files.items()}
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
               (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_RDWR, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in moved.items()]
    actions += [(os.POSIX_SPAWN_CLOSE, fd) for fd in moved.values()]
    try:
        return os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    finally:
        for fd in moved.values():
            os.close(fd)


def read_line(monitor):
    text = b""
    while not text.endswith(b"\n"):
        got = monitor.recv(1)
        if not got:
            raise SystemExit("bench: QEMU ended before its guest ran")
        text += got
    return text


def stripped_size():
    with tempfile.NamedTemporaryFile() as file:
        made = subprocess.run(["strip", "-o", file.name, BIN / "kvmrt"], timeout=LIMIT, check=False)
        return os.stat(file.name).st_size if made.returncode == 0 else None


DOMAIN = """<domain type='{type}'><name>kvmrt-bench</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type><loader type='rom'>{rom}</loader></os>
<devices><memballoon model='none'/></devices></domain>"""


def libvirt_times(folder, rom, accel, runs):
    """ms of `virsh create`; a reason why not."""
    if not shutil.which("virsh"):
        return [], "not installed"
    virsh = ["virsh", "-q", "-c", "qemu:///system"]
    quiet = {"timeout": LIMIT, "check": False, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL}
    if subprocess.run([*virsh, "list"], **quiet).returncode != 0:
        return [], "its daemon does not answer"
    path = folder / "domain.xml"
    path.write_text(DOMAIN.format(type="kvm" if accel == "kvm" else "qemu", rom=rom))
    times = []
    for _ in range(runs):
        begin = time.monotonic()
        if subprocess.run([*virsh, "create", path], **quiet).returncode != 0:
            return [], "virsh create failed"
        times.append((time.monotonic() - begin) * 1000)
        subprocess.run([*virsh, "destroy", "kvmrt-bench"], **quiet)
    return times, ""


FOUND = []  # what was printed, for --json


def row(name, times, base=None, note=""):
    if not times:
        return f"  {name:<34} {note}"
    median = statistics.median(times)
    FOUND.append({"name": name.strip(), "median": median, "least": min(times), "most": max(times),
                  "ratio": median / statistics.median(base) if base else None})
    text = f"  {name:<34} {median:8.1f} {min(times):8.1f} {max(times):8.1f}"
    if base:
        more = median - statistics.median(base)
        text += f" {median / statistics.median(base):7.2f} {more:+8.1f} ms"
        text += f"  (at most +{MORE_MS}: {'yes' if more <= MORE_MS else 'NO'})"
    return text


def compare(bench, name, rt, runs):
    """Taken in turns, so that a busy machine is unjust to neither."""
    profile = bench.profile("bench-rt" if rt else "bench", rt)
    argv = bench.arguments(profile)
    bench.kvmrt(profile)  # what is found once and remembered
    alone, ours = [], []
    for _ in range(runs):
        alone.append(bench.qemu(argv))
        ours.append(bench.kvmrt(profile))
    print(row(f"QEMU by itself{name}", alone))
    print(row(f"kvmrt-launch{name}", [took for took, _ in ours], alone))
    print(row("  its own processor time", [worked for _, worked in ours]), flush=True)
    return alone


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="bench launch", description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--accel", choices=["kvm", "tcg"],
                        default=default_accel())
    parser.add_argument("--memory", default="32MiB")
    parser.add_argument("--cpu", type=int, help="of the real-time guest (default: the last)",
                        default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--no-rt", action="store_true", help="take no CPU from the host")
    return parser.parse_args(arguments)


def main(arguments):
    options = options_of(arguments)
    folder = scratch_folder()
    try:
        bench = Bench(folder, options)
        print(f"exec to the guest's first instruction, {options.accel}, {options.memory}, "
              f"{options.runs} runs, ms\n  {'':<34} {'median':>8} {'least':>8} {'most':>8} {'ratio':>7}"
              f" {'more':>8}")
        base = compare(bench, "", False, options.runs)
        if not options.no_rt:
            compare(bench, ", real-time", True, options.runs)
        times, reason = libvirt_times(folder, bench.roms["halt"], options.accel, options.runs)
        print(row("virsh create", times, base, reason))
        resident, size = bench.resident(not options.no_rt), stripped_size()
        print(f"supervisor, resident: {resident / (1 << 20):.1f} MiB (at most 8: "
              f"{'yes' if resident <= RESIDENT else 'NO'})")
        if size:
            print(f"program, stripped: {size / 1e6:.1f} MB (under 4: {'yes' if size < SIZE else 'NO'})")
        if options.json:
            options.json.write_text(json.dumps({"times_ms": FOUND, "resident": resident,
                                                "size": size, "libvirt": reason}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
