# SPDX-License-Identifier: MIT
"""A host of 8 CPUs with siblings (0,1) (2,3) (4,5) (6,7) and cgroup v2: run inside the test host by
tests/testhost_partition/smt_host_test.sh."""

import os
import signal
import socket
import struct
import subprocess
from pathlib import Path

import harness
import host_snapshot
import kernel
from harness import rom

CPUS = Path("/sys/devices/system/cpu")
GROUPS = Path("/sys/fs/cgroup")
LIMIT = 120  # seconds: emulation within emulation


def online():
    return kernel.cpu_list((CPUS / "online").read_text())


def hotplugs():
    """How often a CPU went off or on since the host booted, as the kernel's log has it."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True, timeout=30).stdout
    return log.count("is now offline") + log.count("Booting Node")




class SmtCase(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if online() != set(range(8)):
            raise harness.unittest.SkipTest("needs the test host's 8 CPUs")

    def setUp(self):
        super().setUp()
        self.before = host_snapshot.take()

    def end_all(self):
        self.tool("shutdown", "--force")
        self.tool("siblings", "--release")
        super().end_all()

    def a_guest(self, name, cpuset, **keys):
        """One vCPU on the lower CPU of a core, everything else of it on the host's."""
        return self.profile(**({"name": name, "cpuset": cpuset, "rt": True,
                                "boot": {"firmware": str(rom("SAY=halts"))},
                                "realtime": {"emulator_cpuset": "housekeeping"}} | keys))

    def host_file(self, **keys):
        (self.folder / "host.yaml").write_text(harness.json.dumps(keys))

    def tool(self, name, *arguments):
        return self.run_tool(name, "-f", self.folder, *arguments, limit=LIMIT)

    def done(self, name, *arguments):
        found = self.tool(name, *arguments)
        self.assertEqual(found.returncode, 0, found.stderr)
        return found

    def done_without_profiles(self, name):
        found = self.run_tool(name, limit=LIMIT)
        self.assertEqual(found.returncode, 0, found.stderr)
        return found

    def refused(self, *texts):
        """A start of everything fails with these words and leaves the host as it was."""
        found = self.tool("boot")
        self.assertIn(found.returncode, (1, 3), found.stderr)
        for text in texts:
            self.assertIn(text, found.stderr)
        self.unchanged()

    def a_foreign_cgroup(self):
        (GROUPS / "cgroup.subtree_control").write_text("+cpuset")
        other = GROUPS / "other"
        other.mkdir()
        self.addCleanup((GROUPS / "cgroup.subtree_control").write_text, "-cpuset")
        self.addCleanup(other.rmdir)
        return other

    def unchanged(self):
        self.assertEqual(host_snapshot.differences(self.before, host_snapshot.take()), [])


class SmtHost(SmtCase):
    def test_a_kept_guest_keeps_its_cpus_and_recover_gives_them_back_after_its_end(self):
        self.a_guest("a", "4")
        self.done("boot")
        state = self.state("a")
        os.kill(state["supervisor"]["pid"], signal.SIGKILL)
        harness.until("its end", lambda: not kernel.alive(state["supervisor"]["pid"]), LIMIT)
        self.assertIn("a: still running", self.done_without_profiles("recover").stdout)
        vcpu = kernel.thread(state["qemu"]["pid"], state["reported"]["vcpus"]["0"])
        self.assertEqual((vcpu.cpus, vcpu.policy, online()), ({4}, os.SCHED_FIFO, {0, 1, 2, 3, 4, 6, 7}))
        os.kill(state["qemu"]["pid"], signal.SIGKILL)
        self.no_qemu_left(state["qemu"]["pid"])
        self.done_without_profiles("recover")
        self.unchanged()

    def test_a_hard_limit_of_locked_memory_is_raised_where_the_right_is_there(self):
        # The right to raise it is the only one that is left: without CAP_IPC_LOCK.
        profile = self.a_guest("a", "4")
        guest = self.begin(profile, prefix=("prlimit", "--memlock=65536:65536", "setpriv",
                                            "--bounding-set=-ipc_lock"))
        guest.until_said("guest runs", limit=LIMIT)
        self.assertGreaterEqual(kernel.locked_bytes(guest.qemu()), 32 << 20)
        self.assertEqual(int(kernel.status(guest.qemu())["CapEff"], 16) >> kernel.CAP_IPC_LOCK & 1, 0)
        guest.signal(signal.SIGTERM)
        guest.wait(LIMIT)
        self.unchanged()

    def test_cpus_that_cannot_be_had_are_refused_by_name(self):
        for cpuset, text in (("1", "CPU 0"), ("77", "CPU 77 does not exist")):
            self.a_guest("a", cpuset)
            self.refused(text)
        (CPUS / "cpu6/online").write_text("0")
        self.addCleanup((CPUS / "cpu6/online").write_text, "1")
        self.before = host_snapshot.take()
        self.a_guest("a", "6")
        self.refused("CPU 6 is offline")

    def test_a_cgroup_of_someone_else_on_the_same_cpus_is_named(self):
        other = self.a_foreign_cgroup()
        (other / "cpuset.cpus").write_text("4")
        self.before = host_snapshot.take()
        self.a_guest("a", "4,6", realtime={})
        self.refused("claims CPUs 4", str(other))
        (other / "cpuset.cpus.partition").write_text("isolated")
        self.before = host_snapshot.take()
        self.a_guest("a", "4")  # no partition of its own, and yet nobody else may run there
        self.refused("claims CPUs 4", str(other))

    def test_a_partition_that_the_kernel_calls_invalid_is_undone_with_its_reason(self):
        other = self.a_foreign_cgroup()
        if not (other / "cpuset.cpus.exclusive").exists():
            self.skipTest("before Linux 6.7 nothing but cpuset.cpus makes a partition invalid")
        (other / "cpuset.cpus.exclusive").write_text("4")
        self.before = host_snapshot.take()
        self.a_guest("a", "4,6", realtime={})
        self.refused("isolate CPUs 4,6")

    def test_a_full_state_folder_fails_the_start_before_anything_is_touched(self):
        self.run_dir.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", self.run_dir], check=True)
        self.addCleanup(subprocess.run, ["umount", self.run_dir], check=True)
        (self.run_dir / "filler").write_bytes(b"x" * 4096)
        self.a_guest("a", "4")
        self.refused("No space left on device", str(self.run_dir))

    def test_an_interrupt_that_refuses_is_named_and_left_alone(self):
        of_cpu_4 = [path.parent for path in Path("/proc/irq").glob("*/smp_affinity_list")
                    if path.read_text() == "4\n" and list(path.parent.glob("*-req.*"))]
        self.assertTrue(of_cpu_4, "a virtio disk with a queue for each CPU is there")
        self.a_guest("a", "4")
        said = self.done("boot").stderr
        for irq in of_cpu_4:
            self.assertIn(f"{irq}/smp_affinity_list stays on CPU 4", said)
            self.assertEqual((irq / "smp_affinity_list").read_text(), "4\n")
        self.done("shutdown", "--force")
        self.unchanged()


class SmtSiblings(SmtCase):
    """When siblings go and come: every hotplug takes seconds under emulation."""

    def test_a_vm_starts_anew_beside_another_without_hotplug(self):
        self.a_guest("a", "4")
        self.a_guest("b", "6")
        self.done("boot")
        self.assertEqual(online(), {0, 1, 2, 3, 4, 6})
        count = hotplugs()
        for _ in range(2):
            self.done("shutdown", "--force", "b")
            self.done("boot", "b")
        self.done("shutdown", "--force", "a")
        self.assertEqual((online(), hotplugs()), ({0, 1, 2, 3, 4, 6}, count))
        self.done("shutdown", "--force", "b")
        self.unchanged()

    def test_siblings_taken_at_boot_spare_every_later_start_the_hotplug(self):
        self.a_guest("a", "4")
        self.a_guest("b", "6")
        self.host_file(siblings="at-boot", disturb="refuse")
        self.assertIn("siblings held offline: 5,7", self.done("siblings").stdout)
        count = hotplugs()
        self.done("boot", "a")
        self.done("boot", "b")
        self.done("shutdown", "--force")
        self.done("boot", "a")
        self.assertIn("siblings held offline: 5,7", self.done("siblings", "--release").stdout)
        self.done("siblings")
        self.done("shutdown", "--force")
        self.assertEqual((online(), hotplugs()), ({0, 1, 2, 3, 4, 6}, count))
        self.done("siblings", "--release")
        self.unchanged()

    def test_siblings_taken_beside_a_guest_are_told_or_refused_as_the_host_file_says(self):
        self.a_guest("a", "4")
        self.a_guest("b", "6")
        self.host_file(siblings="at-boot", disturb="refuse")
        self.done("boot", "a")
        refused = self.tool("siblings")
        self.assertEqual((refused.returncode, online()), (3, {0, 1, 2, 3, 4, 6, 7}))
        self.assertIn("cpu7/online 1 -> 0 disturbs a", refused.stderr)
        self.host_file(siblings="at-boot", disturb="warn")
        self.assertIn("cpu7/online 1 -> 0 disturbs a", self.done("siblings").stderr)
        self.assertEqual(online(), {0, 1, 2, 3, 4, 6})
        self.done("shutdown", "--force")
        self.done("siblings", "--release")
        self.unchanged()


def ask(path, request):
    """What irqbalance answers on its socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(path)
        mine = struct.pack("iii", os.getpid(), os.getuid(), os.getgid())
        client.sendmsg([request.encode()],
                       [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, mine)])
        return client.recv(65536).decode(errors="replace")


class Neighbours(SmtCase):
    """Debian's own packages, unpacked by the script that runs this."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = os.environ.get("KVMRT_NEIGHBOURS")
        if not folder:
            raise harness.unittest.SkipTest("Debian's packages cannot be had")
        for part in ("usr", "etc"):
            subprocess.run(["cp", "-a", f"{folder}/{part}/.", f"/{part}"], check=True)
        for made in ("/run/irqbalance", "/run/libvirt", "/var/lib/libvirt", "/var/log/tuned"):
            Path(made).mkdir(parents=True, exist_ok=True)

    def daemon(self, *command):
        """Runs beside the test; its name is what the kernel and `ps` show of it."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait, LIMIT)
        self.addCleanup(process.terminate)
        return process

    def irqbalance(self):
        daemon = self.daemon("irqbalance", "--foreground", "--interval=1")
        name = f"/run/irqbalance/irqbalance{daemon.pid}.sock"
        harness.until("its socket", lambda: os.path.exists(name), LIMIT)
        return name

    def banned(self, name):
        words = ask(name, "setup").split()
        text = words[words.index("BANNED") + 1].replace(",", "")
        return {cpu for cpu in range(8) if int(text, 16) >> cpu & 1}

    def test_irqbalance_is_told_to_keep_off_and_told_otherwise_at_the_end(self):
        name = self.irqbalance()
        harness.until("its first round", lambda: "BANNED" in ask(name, "setup"), LIMIT)
        was = self.banned(name)
        self.a_guest("a", "4")
        said = self.done("boot").stderr
        self.assertNotIn("irqbalance-running", said)
        self.assertLessEqual({4, 5}, self.banned(name) | (set(range(8)) - online()))
        self.assertIn(4, self.banned(name))
        self.done("shutdown", "--force")
        harness.until("its own configuration again", lambda: self.banned(name) == was, LIMIT)

    def test_irqbalance_is_refused_where_the_host_file_says_so(self):
        self.irqbalance()
        self.host_file(on_conflict={"irqbalance": "refuse"})
        self.a_guest("a", "4")
        found = self.tool("boot")
        self.assertNotEqual(found.returncode, 0)
        self.assertIn("irqbalance runs", found.stderr)
        self.assertEqual(online(), set(range(8)))

    def test_tuned_is_refused_by_its_name_unless_the_host_file_says_otherwise(self):
        mark = Path("/run/tuned/tuned.pid")
        daemon = self.daemon("tuned", "--no-dbus", "--no-socket", "--profile", "balanced")
        harness.until("its start", lambda: mark.exists() and mark.read_text(), LIMIT)
        self.a_guest("a", "4")
        found = self.tool("boot")
        self.assertEqual(found.returncode, 3, found.stderr)
        for text in (f"tuned runs (pid {daemon.pid})", "[tuned-running]", "systemctl stop tuned"):
            self.assertIn(text, found.stderr)
        self.assertEqual(online(), set(range(8)))
        self.host_file(on_conflict={"tuned": "warn"})
        self.assertIn(f"tuned runs (pid {daemon.pid})", self.done("boot").stderr)
        self.done("shutdown", "--force")

    def test_libvirtd_is_told_or_refused_as_the_host_file_says(self):
        daemon = self.daemon("libvirtd")
        harness.until("its socket", Path("/run/libvirt/libvirt-sock").exists, LIMIT)
        self.a_guest("a", "4")
        self.host_file(on_conflict={"libvirtd": "refuse"})
        found = self.tool("boot")
        self.assertEqual(found.returncode, 3, found.stderr)
        for text in (f"libvirtd runs (pid {daemon.pid})", "virsh list"):
            self.assertIn(text, found.stderr)
        self.host_file()
        self.assertIn(f"libvirtd runs (pid {daemon.pid})", self.done("boot").stderr)
        self.done("shutdown", "--force")
