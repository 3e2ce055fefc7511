# SPDX-License-Identifier: MIT
"""Runs every benchmark and writes one table with ratios, and the machine that it is of, to
docs/performance.md. What a benchmark cannot do here is said in its row."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bench"))
import interference  # noqa: E402
import statistics  # noqa: E402

PAGE = ROOT / "docs/performance.md"
HEAD = """# What it costs, and what it keeps away

Written by `scripts/bench all`; ratios are of medians. Absolute times belong to this machine, and a
busy neighbour shows in the spread. No latency of a guest is claimed here: this machine is itself
virtual.

"""


def first_line(path, key):
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")


def output_of(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=60,
                              check=False).stdout.strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "not installed"


def machine():
    version = Path("/proc/version").read_text(encoding="utf-8")
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) >> 20
    modules = [name for name in ("kvm_intel", "kvm_amd", "kvm_pvm")
               if Path(f"/sys/module/{name}").exists()]
    lines = [
        ("processor", f"{first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} CPUs"),
        ("virtual itself", "yes" if " hypervisor" in Path("/proc/cpuinfo").read_text() else "no"),
        ("memory", f"{memory} GiB"),
        ("kernel", platform.release() + (", PREEMPT_RT" if "PREEMPT_RT" in version else "")),
        ("KVM", ", ".join(modules) or ("built in" if Path("/dev/kvm").exists() else "none")),
        ("QEMU", output_of("qemu-system-x86_64", "--version")),
        ("libvirt", output_of("virsh", "--version")),
        ("date", time.strftime("%Y-%m-%d", time.gmtime())),
        ("load before", " ".join(Path("/proc/loadavg").read_text().split()[:3])),
    ]
    return "".join(f"- {name}: {text}\n" for name, text in lines)


def run(name, limit, *arguments):
    """Its output; "" and a reason when it failed."""
    words = [str(ROOT / "scripts/bench"), name, *map(str, arguments)]
    print("bench:", " ".join(words[1:]), flush=True)
    try:
        made = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return "", f"not over in {limit} s"
    if made.returncode != 0:
        return "", (made.stderr.strip().splitlines() or [f"exit {made.returncode}"])[-1]
    return made.stdout, ""


def launch_rows(folder, options):
    path = folder / "launch.json"
    _, reason = run("launch", 240, "--runs", options.runs, "--json", path)
    if reason:
        return [("exec to the first instruction", "-", "-", "-", reason)]
    found = json.loads(path.read_text())
    rows = []
    for one in found["times_ms"]:
        own = one["name"].startswith("its own")
        name = "— processor time of kvmrt-launch in it" if own else \
            f"{one['name']}: exec to the first instruction"
        ratio = f"{one['ratio']:.2f}" if one["ratio"] else "" if own else "1"
        rows.append((name, f"{one['median']:.1f} ms", f"{one['least']:.1f}..{one['most']:.1f}",
                     ratio, ""))
    if found["libvirt"]:
        rows.append(("virsh create", "-", "-", "-", found["libvirt"]))
    rows.append(("supervisor, resident", f"{found['resident'] / (1 << 20):.1f} MiB", "", "", "at most 8"))
    if found["size"]:
        rows.append(("program, stripped", f"{found['size'] / 1e6:.1f} MB", "", "", "under 4"))
    return rows


def interference_rows(folder, options):
    path = folder / "interference.json"
    _, reason = run("interference", 400, "--rounds", options.rounds, "--seconds", options.seconds,
                    "--json", path)
    if reason:
        return [("a busy guest's waits under load", "-", "-", "-", reason)]
    found = json.loads(path.read_text())
    ways, rows = found["ways"], []
    floor = statistics.median(one["delay"] for one in ways["floor"])
    for way in interference.WAYS:
        if not ways[way]:
            rows.append((f"{interference.NAMES[way]}: vCPU's wait", "-", "-", "-", found["libvirt"]))
            continue
        delays = [1000 * one["delay"] for one in ways[way]]
        switches = statistics.median(one["switches"] for one in ways[way])
        rows.append((f"{interference.NAMES[way]}: vCPU's wait", f"{statistics.median(delays):.2f} ms/s",
                     f"{min(delays):.2f}..{max(delays):.2f}",
                     f"{statistics.median(delays) / 1000 / floor:.2f}",
                     f"{switches:.1f} involuntary switches/s"))
    return rows


def compiled():
    """Name and output of those that are built in C++."""
    listed = subprocess.run([ROOT / "scripts/bench"], capture_output=True, text=True, timeout=60,
                            check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if " compiled: " in line]
    return [(name, *run(name, 120)) for name in names]


def table(rows):
    text = "| what | median | spread | ratio | |\n|---|--:|--:|--:|---|\n"
    return text + "".join("| " + " | ".join(row) + " |\n" for row in rows)


def page(options):
    with tempfile.TemporaryDirectory(prefix="kvmrt-bench-all-") as name:
        described = machine()
        rows = launch_rows(Path(name), options) + interference_rows(Path(name), options)
    text = HEAD + "## The machine\n\n" + described + "\n## The figures\n\n" + table(rows)
    text += ("\nThe ratio of a start is to QEMU by itself; of a wait to kvmrt without any load. "
             "A wait is\nthe vCPU thread's run delay per second of its run time, under stress-ng "
             "(cpu, vm, hdd, switch)\non all CPUs, the guest busy all the time.\n")
    for bench, output, reason in compiled():
        text += f"\n### {bench}\n\n```\n{output.rstrip() or reason}\n```\n"
    return text


def main(arguments):
    parser = argparse.ArgumentParser(prog="bench all", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each start")
    parser.add_argument("--rounds", type=int, default=3, help="of the guests under load")
    parser.add_argument("--seconds", type=float, default=10, help="each guest is watched")
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    text = page(options)
    options.output.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
