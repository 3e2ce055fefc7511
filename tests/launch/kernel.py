# SPDX-License-Identifier: MIT
"""What the kernel says of a process: the tests believe nothing else."""

import os
from dataclasses import dataclass

import host_snapshot

CAP_IPC_LOCK = 14
CAP_KILL = 5
SUPERVISOR_CAPS = {1, CAP_KILL, 19, 23}  # CAP_DAC_OVERRIDE, CAP_SYS_PTRACE and CAP_SYS_NICE too


@dataclass
class Thread:
    tid: int
    name: str
    cpus: set
    policy: int  # as sched(7): 0 other, 1 FIFO, 2 RR
    priority: int
    reset_on_fork: bool


def cpu_list(text):
    """"0,2-4" as a set."""
    found = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def status(pid, tid=None):
    """The lines of /proc/PID/status as a dictionary; of a thread with `tid`."""
    path = f"/proc/{pid}/task/{tid}/status" if tid else f"/proc/{pid}/status"
    with open(path, encoding="utf-8") as file:
        return {key: value.strip() for key, value in (line.split(":", 1) for line in file)}


def alive(pid):
    """A zombie has ended: only its parent has not looked yet."""
    try:
        return status(pid)["State"][0] not in "ZX"
    except (OSError, KeyError):
        return False


def start_time(pid):
    text = host_snapshot.read(f"/proc/{pid}/stat")
    return int(host_snapshot.stat_fields(text)[19]) if text else None


def thread(pid, tid):
    fields = host_snapshot.stat_fields(host_snapshot.read(f"/proc/{pid}/task/{tid}/stat"))
    lines = status(pid, tid)
    flagged = os.sched_getscheduler(tid) & os.SCHED_RESET_ON_FORK != 0
    return Thread(tid, lines["Name"], cpu_list(lines["Cpus_allowed_list"]), int(fields[38]),
                  int(fields[37]), flagged)


def threads(pid):
    return [thread(pid, int(tid)) for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int)]


def locked_bytes(pid):
    return int(status(pid)["VmLck"].split()[0]) * 1024


def arguments(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
        return file.read().split("\0")[:-1]


def open_files(pid):
    """Number: what it leads to."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            pass
    return found


def resident(pid):
    """Bytes of its own and of files; (all, anonymous)."""
    lines = status(pid)
    anonymous, mapped = (int(lines[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile"))
    return anonymous + mapped, anonymous


def wake_ups(pid):
    """How often its threads have slept."""
    return sum(int(status(pid, tid)["voluntary_ctxt_switches"])
               for tid in os.listdir(f"/proc/{pid}/task"))


def run_time(pid):
    """ns that its main thread has run."""
    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as file:
        return int(file.read().split()[0])
