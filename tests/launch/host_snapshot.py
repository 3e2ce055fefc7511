#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What kvmrt may change on a host, as the kernel tells it: to be the same before and after.

    host_snapshot.py save FILE       write it down
    host_snapshot.py compare FILE    what differs from it now; status 1 if anything does
"""

import glob
import json
import os
import sys

KNOBS = [
    "/proc/irq/default_smp_affinity",
    "/proc/irq/*/smp_affinity_list",
    "/proc/sys/kernel/watchdog_cpumask",
    "/proc/sys/kernel/sched_rt_runtime_us",
    "/proc/sys/kernel/timer_migration",
    "/proc/sys/kernel/numa_balancing",
    "/proc/sys/vm/stat_interval",
    "/sys/devices/virtual/workqueue/cpumask",
    "/sys/devices/virtual/workqueue/*/cpumask",
    "/sys/devices/system/cpu/cpu*/online",
    "/sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us",
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    "/sys/kernel/debug/sched/fair_server/cpu*/runtime",
    "/sys/class/net/*/queues/rx-*/rps_cpus",
    "/sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages",
    "/sys/fs/cgroup/cgroup.subtree_control",
    "/sys/fs/cgroup/*/cpuset.cpus",
    "/sys/fs/cgroup/*/cpuset.cpus.partition",
    "/sys/fs/resctrl/*/schemata",
]


def read(path):
    """The text of a file, or None: knobs and tasks come and go."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def knobs():
    """Path: value, of every setting that exists on this machine."""
    found = {}
    for pattern in KNOBS:
        for path in glob.glob(pattern):
            value = read(path)
            if value is not None:
                found[path] = value
    return found


def stat_fields(text):
    """The fields of a stat file from the third on; the name may hold spaces and parentheses."""
    return text[text.rindex(")") + 2 :].split()


def task_of(path):
    """(identity, how it is scheduled), or None when it has ended meanwhile."""
    stat, status = read(path + "/stat"), read(path + "/status")
    if not stat or not status:
        return None
    fields = stat_fields(stat)
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    # Field 22 is the time of its start, 19 nice, 40 the priority, 41 the policy (proc(5)).
    identity = f"{path.rsplit('/', 1)[1]}@{fields[19]}"
    return identity, {
        "name": name,
        "cpus": lines.get("Cpus_allowed_list"),
        "policy": fields[38],
        "priority": fields[37],
        "nice": fields[16],
        "kernel": int(fields[6]) & 0x00200000 != 0,  # PF_KTHREAD
        "worker": int(fields[6]) & 0x00000020 != 0,  # PF_WQ_WORKER
    }


def tasks():
    """TID@START: how it is scheduled, of every thread of the host."""
    found = {}
    for path in glob.iglob("/proc/[0-9]*/task/[0-9]*"):
        task = task_of(path)
        if task:
            found[task[0]] = task[1]
    return found


def vectors():
    """The CPU where each interrupt is in truth, by its number."""
    return {path.split("/")[3]: read(path)
            for path in glob.glob("/proc/irq/*/effective_affinity_list")}


def take():
    return {"knobs": knobs(), "tasks": tasks(), "vectors": vectors()}


def is_pool_worker(task):
    """The kernel binds a worker anew each time that it goes to another pool: a kworker, or the
    rescuer of a workqueue that waited for one too long (mm_percpu_wq)."""
    return task["kernel"] and task["worker"]


def follows_interrupt(task, effective):
    """An interrupt's thread goes where the interrupt's vector is, at the next one after its mask was
    written; where that is within the mask, which is compared itself, the kernel chooses."""
    number = task["name"].removeprefix("irq/").split("-")[0]
    return task["kernel"] and task["name"].startswith("irq/") and task["cpus"] == effective.get(number)


def differences(before, after):
    """One line for everything that is in both and not the same, or a setting that is only in one."""
    found = []
    for path in sorted(before["knobs"].keys() | after["knobs"].keys()):
        was, now = before["knobs"].get(path), after["knobs"].get(path)
        if was != now:
            found.append(f"{path}: {was} -> {now}")
    for identity in sorted(before["tasks"].keys() & after["tasks"].keys()):
        was, now = before["tasks"][identity], after["tasks"][identity]
        placed = is_pool_worker(now) or follows_interrupt(now, after["vectors"])
        for key in ("policy", "priority", "nice") if placed else ("cpus", "policy", "priority", "nice"):
            if was[key] != now[key]:
                found.append(f"task {identity} ({now['name']}): {key} {was[key]} -> {now[key]}")
    return found


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("save", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    action, path = arguments
    if action == "save":
        with open(path, "w", encoding="utf-8") as file:
            json.dump(take(), file, indent=1)
        return 0
    with open(path, encoding="utf-8") as file:
        found = differences(json.load(file), take())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
