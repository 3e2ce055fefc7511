# SPDX-License-Identifier: MIT
"""What a guest waits for its CPU under full load: raw QEMU, libvirt with pins and FIFO 1 where it is
usable, kvmrt, and kvmrt without any load as the floor. The same guest in turn, some rounds; the
vCPU's own counters of the kernel are read, never what the launcher says. A report, not a gate."""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import launch
from launch import BIN, LIMIT, ROOT, kernel

WAYS = ("raw", "libvirt", "kvmrt", "floor")
NAMES = {"raw": "QEMU by itself", "libvirt": "libvirt, pinned, FIFO 1", "kvmrt": "kvmrt, real-time",
         "floor": "kvmrt, real-time, no load"}
DOMAIN = """<domain type='kvm'><name>kvmrt-bench</name><memory unit='MiB'>32</memory>
<vcpu placement='static'>1</vcpu>
<cputune><vcpupin vcpu='0' cpuset='{cpu}'/><emulatorpin cpuset='{rest}'/>
<vcpusched vcpus='0' scheduler='fifo' priority='1'/></cputune>
<os><type arch='x86_64' machine='q35'>hvm</type><loader type='rom'>{rom}</loader></os>
{model}
<devices><memballoon model='none'/></devices></domain>"""


def libvirt_model(cpu):
    if cpu == "host":
        return "<cpu mode='host-passthrough'/>"
    return f"<cpu mode='custom'><model>{cpu.split(',')[0]}</model></cpu>"


class Load:
    """stress-ng on all CPUs, before and while the guest runs."""

    def __init__(self, folder):
        count = str(len(os.sched_getaffinity(0)))
        words = ["stress-ng", "--cpu", count, "--vm", "1", "--vm-bytes", "64M", "--hdd", "1",
                 "--hdd-bytes", "64M", "--switch", count, "--temp-path", str(folder), "--quiet"]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, cwd=folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        time.sleep(1)
        if self.process.poll() is not None:
            raise SystemExit("bench: stress-ng does not run")

    def end(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def vcpu_of(pid):
    """The thread of vCPU 0, by the name that QEMU's debug-threads gives it; the busiest but the
    main one where it has none."""
    others = [thread for thread in kernel.threads(pid) if thread.tid != pid]
    named = [thread.tid for thread in others if thread.name.startswith("CPU 0/")]
    return named[0] if named else max((thread.tid for thread in others), default=None)


def counters(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="utf-8") as file:
        run, delay, _ = map(int, file.read().split())
    return run, delay, int(kernel.status(pid, tid)["nonvoluntary_ctxt_switches"])


def longest_wait(pid, tid):
    """ms; None where the kernel keeps none."""
    try:
        enabled = Path("/proc/sys/kernel/sched_schedstats").read_text().strip() == "1"
        lines = Path(f"/proc/{pid}/task/{tid}/sched").read_text().splitlines()
    except OSError:
        return None
    found = [line.split(":")[1] for line in lines if line.split(":")[0].strip().endswith("wait_max")]
    return float(found[0]) if enabled and found else None


def observe(pid, seconds):
    """Of a guest that runs: seconds of delay per second of run time, switches per second of it."""
    end = time.monotonic() + LIMIT
    while vcpu_of(pid) is None and time.monotonic() < end:
        time.sleep(0.01)
    tid = vcpu_of(pid)
    time.sleep(0.5)
    before = counters(pid, tid)
    time.sleep(seconds)
    after = counters(pid, tid)
    run, delay, switches = (new - old for new, old in zip(after, before))
    if run <= 0:
        raise SystemExit("bench: the guest did not run")
    return {"delay": delay / run, "switches": switches / (run / 1e9),
            "longest": longest_wait(pid, tid)}


def raw(bench, options):
    argv = bench.arguments(bench.profile("raw", False, "spin"))
    path = bench.folder / "qmp"
    path.unlink(missing_ok=True)
    with launch.started(argv, path, bench.folder / "console") as pid:
        bench.until_first_instruction()
        return observe(pid, options.seconds)


def by_kvmrt(bench, options):
    profile = bench.profile("rt", True, "spin")
    process = subprocess.Popen(bench.tool("launch", profile), env=bench.environment,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bench.until_first_instruction()
        state = json.loads((bench.folder / "run/vms/rt/state.json").read_text())
        return observe(state["qemu"]["pid"], options.seconds)
    finally:
        process.terminate()
        process.wait(LIMIT)


class Libvirt:
    """Its daemon, where the machine has one that answers or can be started by hand."""

    def __init__(self, bench, options):
        self.reason, self.daemon, self.options, self.bench = "", None, options, bench
        self.virsh = ["virsh", "-q", "-c", "qemu:///system"]
        if not shutil.which("virsh"):
            self.reason = "not installed"
        elif options.accel != "kvm":
            self.reason = "compared under KVM only"
        elif not self.answers() and not self.start():
            self.reason = "its daemon does not answer"

    def run(self, *words):
        return subprocess.run([*self.virsh, *map(str, words)], timeout=LIMIT, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def answers(self):
        return self.run("list").returncode == 0

    def start(self):
        if not shutil.which("libvirtd"):
            return False
        self.daemon = subprocess.Popen(["libvirtd", "--timeout", "600"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 15
        while time.monotonic() < end and self.daemon.poll() is None:
            if self.answers():
                return True
            time.sleep(0.2)
        return False

    def measure(self):
        path = self.bench.folder / "domain.xml"
        cpu = self.options.cpu
        rest = ",".join(str(one) for one in sorted(os.sched_getaffinity(0) - {cpu}))
        path.write_text(DOMAIN.format(cpu=cpu, rest=rest, rom=self.bench.roms["spin"],
                                      model=libvirt_model(self.bench.cpu)))
        made = self.run("create", path)
        if made.returncode != 0:
            self.reason = "virsh create failed: " + " ".join(made.stderr.split())[:120]
            return None
        try:
            pid = int(Path("/run/libvirt/qemu/kvmrt-bench.pid").read_text())
            return observe(pid, self.options.seconds)
        finally:
            self.run("destroy", "kvmrt-bench")

    def end(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(10)


def spread(values, scale=1.0, form="{:.2f}"):
    shown = [form.format(value * scale) for value in (statistics.median(values), min(values),
                                                      max(values))]
    return f"{shown[0]:>10} ({shown[1]}..{shown[2]})"


def rows(found):
    """(name, ms of delay per s, involuntary switches per s, longest wait, ratio to the floor)."""
    floor = statistics.median(one["delay"] for one in found["floor"]) if found["floor"] else None
    for way in WAYS:
        if not found[way]:
            continue
        delays = [one["delay"] for one in found[way]]
        waits = [one["longest"] for one in found[way] if one["longest"] is not None]
        ratio = f"{statistics.median(delays) / floor:.2f}" if floor else "-"
        yield (NAMES[way], spread(delays, 1000), spread([one["switches"] for one in found[way]]),
               f"{max(waits):.2f}" if waits else "unknown", ratio)


def measure(bench, options, say=print):
    libvirt = Libvirt(bench, options)
    found = {way: [] for way in WAYS}
    try:
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            found["floor"].append(by_kvmrt(bench, options))
            load = Load(bench.folder)
            try:
                found["raw"].append(raw(bench, options))
                if not libvirt.reason and (one := libvirt.measure()):
                    found["libvirt"].append(one)
                found["kvmrt"].append(by_kvmrt(bench, options))
            finally:
                load.end()
    finally:
        libvirt.end()
    return found, libvirt.reason


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="bench interference", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="each guest is watched")
    parser.add_argument("--accel", choices=["kvm", "tcg"], default=launch.default_accel())
    parser.add_argument("--memory", default="32MiB")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)),
                        help="of the real-time guest (default: the last)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args(arguments)


def main(arguments):
    options = options_of(arguments)
    if not shutil.which("stress-ng"):
        raise SystemExit("bench: stress-ng is wanted: apt-get install stress-ng")
    folder = launch.scratch_folder()
    try:
        bench = launch.Bench(folder, options)
        found, reason = measure(bench, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"  {'a busy guest, ' + options.accel:<28} {'delay, ms per s of run time':<32} "
          f"{'involuntary switches per s':<32} {'longest, ms':>11} {'of floor':>9}")
    for name, delay, switches, longest, ratio in rows(found):
        print(f"  {name:<28} {delay:<32} {switches:<32} {longest:>11} {ratio:>9}")
    if reason:
        print(f"  {NAMES['libvirt']:<28} {reason}")
    print(f"  guest cyclictest: {cyclictest_note(options)}")
    if options.json:
        options.json.write_text(json.dumps({"ways": found, "libvirt": reason}))
    return 0


def cyclictest_note(options):
    if options.accel != "kvm" or not Path("/sys/module/kvm_intel").exists() \
            and not Path("/sys/module/kvm_amd").exists():
        return "not here: this machine's KVM boots no stock kernel"
    return "kvmrt-latency guest PROFILE --load measures it"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
