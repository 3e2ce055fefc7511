# SPDX-License-Identifier: MIT
"""Devices beside the disk and the network, on a real QEMU: each used from its other end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import harness
import kernel
from harness import TCG, rom

BOOT = 200  # seconds that a boot may take under emulation, on a machine that has other work


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise AssertionError(f"closed after {data!r}")
        data += more
    return data


class Displays(harness.LaunchTest):
    """VNC as its clients speak it (RFC 6143), up to where a password would be asked for."""

    def connect(self, family, address):
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(harness.START)
        self.addCleanup(connection.close)
        harness.until(f"{address} answers", lambda: connection.connect_ex(address) == 0)
        self.assertEqual(receive(connection, 12), b"RFB 003.008\n")
        connection.sendall(b"RFB 003.008\n")
        return connection, list(receive(connection, receive(connection, 1)[0]))

    def begin_spinning(self, **keys):
        qemu = TCG | {"extra_args": ["-bios", str(rom("SPIN"))]}
        return self.begin(self.profile(qemu=qemu, **keys)).until_state("running")

    def test_a_screen_is_served_on_a_socket_in_the_state_folder(self):
        guest = self.begin_spinning(graphics="vnc", usb="xhci")
        path = self.run_dir / "vms" / self.name / "vnc.sock"
        connection, types = self.connect(socket.AF_UNIX, str(path))
        self.assertEqual(types, [1], "no authentication")
        connection.sendall(b"\x01")
        self.assertEqual(receive(connection, 4), bytes(4))
        connection.sendall(b"\x01")
        width, height = receive(connection, 4)[:2], receive(connection, 20)
        self.assertGreater(int.from_bytes(width, "big"), 0)
        self.assertEqual(guest.stop(), 0)


class SerialPorts(harness.LaunchTest):
    """A guest that talks is not held up by those who do not listen."""

    def test_a_pty_and_a_file_without_readers_are_drained(self):
        log = self.folder / "mine.log"
        serial = ["pty", {"type": "file", "path": str(log)}]
        launched = self.launch(self.profile(boot={"firmware": str(rom("TALK=100", "OFFQ35"))},
                                            serial=serial))
        self.said(launched, 0, "guest powered off")
        self.assertEqual(log.read_text().count("x"), 100_000)
        kept = self.run_dir / "vms" / self.name / "console.log"
        self.assertGreater(kept.read_text().count("x"), 0)

    def test_a_client_that_reads_nothing_holds_nobody_up(self):
        path = self.folder / "port.sock"
        rom_path = str(rom("SECONDS=3", "TALK=200", "OFFQ35"))
        guest = self.begin(self.profile(serial=[{"type": "socket", "path": str(path)}],
                                        boot={"firmware": rom_path})).until_state("running")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(path))
        self.said(guest, 0, "guest powered off")


class Watchdogs(harness.LaunchTest):
    def test_a_guest_that_feeds_its_i6300esb_no_more_is_11(self):
        launched = self.launch(self.profile(watchdog="i6300esb",
                                            boot={"firmware": str(rom("ESB=100"))}))
        self.said(launched, 11, "watchdog")


class BackingChains(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise harness.unittest.SkipTest("another user for QEMU needs root")

    def chain(self):
        """Two overlays over a boot sector that powers the guest off, where only root comes."""
        private = self.folder / "private"
        private.mkdir(mode=0o700)
        sector = rom("OFFQ35").read_bytes()[:510] + b"\x55\xaa"
        (private / "base.raw").write_bytes(sector.ljust(1 << 20, b"\0"))
        for below, form, above in (("base.raw", "raw", "middle.qcow2"),
                                   ("middle.qcow2", "qcow2", "top.qcow2")):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", form,
                            private / above], check=True, timeout=60)
        return private

    def launch_from(self, path):
        return self.begin(self.profile(disks=[{"path": str(path), "cache": "writeback"}],
                                       security={"user": "nobody"}, memory="64MiB"))

    def test_a_guest_boots_from_the_lowest_image_and_qemu_needs_no_right_to_any(self):
        guest = self.launch_from(self.chain() / "top.qcow2")
        self.said(guest, 0, "guest powered off")

    def test_a_layer_that_is_not_there_is_told_with_the_disk(self):
        private = self.chain()
        (private / "base.raw").unlink()
        guest = self.launch_from(private / "top.qcow2")
        self.said(guest, 3, "disks[0].path", "base.raw, the backing file of", "No such file")
        self.assertEqual(list(self.qemus()), [])


class GuestAgent(harness.LaunchTest):
    def test_a_stop_goes_through_the_agent_of_a_guest_that_is_deaf_to_the_button(self):
        boot = harness.linux_guest() | {"cmdline": "console=ttyS0 quiet kvmrt.mode=agent"}
        guest = self.begin(self.profile(memory="192MiB", boot=boot, agent=True,
                                        lifecycle={"shutdown_timeout": "100s"}), "--console")
        harness.until("ready", lambda: "kvmrt-guest: ready" in guest.output(), BOOT)
        self.assertEqual(guest.stop(60), 0, guest.errors())
        self.assertIn("the guest agent shuts the guest down", guest.errors())
        self.assertIn("kvmrt-guest: told by the agent", guest.output())
        self.assertNotIn("by force", guest.errors())

    def test_an_agent_that_is_not_there_is_not_waited_for(self):
        guest = self.begin(self.profile(agent=True, lifecycle={"shutdown_timeout": "2s"},
                                        boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_said("guest runs")
        begun = time.monotonic()
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertLess(time.monotonic() - begun, 20)
        self.assertIn("guest agent: no answer in 1000 ms; pressing the power button",
                      guest.errors())

    def test_others_may_talk_to_the_agent_until_the_guest_is_stopped(self):
        guest = self.begin(self.profile(agent=True, lifecycle={"shutdown_timeout": "2s"},
                                        boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_said("guest runs")
        path = self.run_dir / "vms" / self.name / "agent.sock"
        monitor = harness.Monitor(self, self.name)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(path))

        def connected():
            told = monitor.ask("query-chardev")["return"]
            return "disconnected" not in str([c for c in told if c["label"] == "agent0"])

        harness.until("QEMU serves us", connected)
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertFalse(path.exists(), "left behind")


class GuestNodes(harness.LaunchTest):
    ROOM = 48 << 20, 16 << 20

    def guest(self, *host_nodes, **keys):
        numa = [{"vcpus": str(n), "memory": size, "host_nodes": node}
                for n, (size, node) in enumerate(zip(self.ROOM, host_nodes))]
        return self.begin(self.profile(nr_vcpus=2, memory=sum(self.ROOM), numa=numa,
                                       boot={"firmware": str(rom("SAY=halts"))}, **keys))

    def bound_mappings(self, pid):
        """{bytes: policy} of the mappings that have the size of a guest node."""
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            sizes = {}
            for line in file:
                start, _, end = line.split()[0].partition("-")
                sizes[start] = int(end, 16) - int(start, 16)
        with open(f"/proc/{pid}/numa_maps", encoding="utf-8") as file:
            fields = [line.split() for line in file]
        return {sizes[start.zfill(8)]: policy for start, policy, *_ in fields
                if sizes.get(start.zfill(8)) in self.ROOM}

    def test_each_has_its_vcpus_and_its_memory_on_its_host_node(self):
        guest = self.guest("0", "0").until_said("guest runs")
        monitor = harness.Monitor(self, self.name)
        backends = {one["id"]: one for one in monitor.ask("query-memdev")["return"]}
        for name, size in zip(("ram0", "ram1"), self.ROOM):
            self.assertEqual((backends[name]["size"], backends[name]["host-nodes"],
                              backends[name]["policy"]), (size, [0], "bind"))
        cpus = monitor.ask("query-cpus-fast")["return"]
        self.assertEqual({one["cpu-index"]: one["props"]["node-id"] for one in cpus}, {0: 0, 1: 1})
        self.assertEqual(self.bound_mappings(guest.qemu()), {size: "bind:0" for size in self.ROOM})
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_host_node_that_is_not_there_is_told_before_the_start(self):
        guest = self.guest("0", "7")
        self.said(guest, 3, "numa[1].host_nodes")
        self.assertEqual(list(self.qemus()), [])


class Tpm(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which("swtpm"):
            raise harness.unittest.SkipTest("swtpm is not installed")

    def environment(self, **more):
        return super().environment(KVMRT_LIBDIR=str(self.folder / "lib")) | more

    def swtpm(self):
        """Its pid, as the ledger has it."""
        ledger = json.loads((self.run_dir / "ledger.json").read_text())
        return {lease["vm"]: lease for lease in ledger["leases"]}[self.name]["tpm"]["pid"]

    def begin_halted(self, make=None, **keys):
        profile = (make or self.profile)(tpm="crb", boot={"firmware": str(rom("SAY=halts"))}, **keys)
        return self.begin(profile).until_said("guest runs")

    def gone(self, pid):
        harness.until("swtpm gone", lambda: not kernel.alive(pid), 10)

    def test_a_guests_firmware_uses_it_and_it_ends_with_the_guest(self):
        guest = self.begin_halted()  # of which nobody asks the TPM anything
        idle, first = kernel.wake_ups(self.swtpm()), self.swtpm()
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.gone(first)
        guest = self.begin(self.profile(tpm="tis")).until_said("guest runs")
        pid = self.swtpm()
        harness.until("commands to the TPM", lambda: kernel.wake_ups(pid) > idle + 5)
        store = self.folder / "lib" / f"{self.name}.tpm"
        self.assertEqual(store.stat().st_mode & 0o777, 0o700)
        self.assertTrue((store / "tpm2-00.permall").exists())
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.gone(pid)

    def test_it_has_no_rights_and_none_of_a_real_time_guests_cpus(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        guest = self.begin_halted(self.rt_profile, security={"user": "nobody"})
        for thread in kernel.threads(self.swtpm()):
            self.assertEqual((thread.cpus, thread.policy), (harness.HOUSEKEEPING, os.SCHED_OTHER))
        lines = kernel.status(self.swtpm())
        self.assertEqual(lines["Uid"].split(), ["65534"] * 4)
        self.assertEqual((int(lines["CapPrm"], 16), lines["NoNewPrivs"]), (0, "1"))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_it_stays_with_a_guest_that_lost_its_supervisor_and_recover_ends_it_after(self):
        guest = self.begin_halted()
        qemu, pid = guest.qemu(), self.swtpm()
        os.kill(pid, signal.SIGSTOP)  # one that does not see the end of its QEMU
        guest.process.kill()
        guest.process.wait(10)
        self.run_tool("recover")
        self.assertTrue(kernel.alive(pid))
        os.kill(qemu, signal.SIGKILL)
        self.no_qemu_left(qemu)
        self.assertTrue(kernel.alive(pid))
        self.run_tool("recover")
        self.gone(pid)

    def test_one_that_does_not_end_is_killed(self):
        guest = self.begin_halted()
        pid = self.swtpm()
        guest.signal(signal.SIGINT)
        guest.until_said("stopping the guest")
        os.kill(pid, signal.SIGSTOP)
        os.kill(guest.qemu(), signal.SIGKILL)
        self.assertEqual(guest.wait(), 0, guest.errors())
        self.gone(pid)

    def test_without_swtpm_nothing_is_started(self):
        qemu = shutil.which("qemu-system-x86_64")
        path = self.folder / "bin"
        path.mkdir()
        (path / "qemu-system-x86_64").symlink_to(qemu)
        guest = self.begin(self.profile(tpm="crb"), environment=self.environment(PATH=str(path)))
        self.said(guest, 3, "tpm: there is no program swtpm", "apt-get install swtpm")
        self.assertEqual(list(self.qemus()), [])

    def test_a_store_of_another_user_is_told_and_the_host_is_given_back(self):
        store = self.folder / "lib" / f"{self.name}.tpm"
        store.mkdir(parents=True)
        os.chown(store, 65534, 65534)
        guest = self.begin(self.profile(tpm="crb"))
        self.said(guest, 1, str(store), "belongs to user 65534")


class SharedMemory(harness.LaunchTest):
    """Two guests that write to each other; each powers off when it has read the other's word."""

    FILE = Path("/dev/shm/kvmrt-t-exchange")

    def guest(self, name, *defines, make=None, **keys):
        memory = [{"name": "t-exchange", "size": "1MiB"}]
        return (make or self.profile)(name=name, boot={"firmware": str(rom(*defines, "OFFQ35"))},
                                      shared_memory=memory, **keys)

    def exchange(self, **keys):
        first = self.guest("first", "PUT=0x1111", "AT=0", "AWAIT=0x2222", "FROM=4", **keys)
        second = self.guest("second", "AWAIT=0x1111", "FROM=0", "PUT=0x2222", "AT=4")
        first = self.begin(first).until_state("running")
        self.assertTrue(self.FILE.exists())
        second = self.begin(second)
        self.said(second, 0, "guest powered off")
        self.said(first, 0, "guest powered off")
        self.assertFalse(self.FILE.exists(), "left behind")

    def test_two_guests_exchange_words(self):
        self.exchange()

    def test_a_real_time_guest_and_another_exchange_words(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        self.exchange(make=self.rt_profile)

    def test_it_is_there_until_its_last_user_is_gone_and_recover_clears_it(self):
        guest = self.begin(self.guest("kept", "SPIN")).until_state("running")
        qemu = guest.qemu()
        guest.process.kill()
        guest.process.wait(10)
        self.run_tool("recover")
        self.assertTrue(self.FILE.exists(), "the kept guest still uses it")
        os.kill(qemu, 9)
        harness.until("QEMU gone", lambda: not kernel.alive(qemu), 10)
        self.run_tool("recover")
        self.assertFalse(self.FILE.exists())

    def test_a_size_that_is_not_the_other_guests_is_told(self):
        self.begin(self.guest("first", "SPIN")).until_state("running")
        memory = [{"name": "t-exchange", "size": "2MiB"}]
        launched = self.launch(self.profile(name="second", shared_memory=memory))
        self.said(launched, 1, "hint: shared_memory[].size: ")

    def test_another_user_needs_no_more_than_a_file_of_its_own(self):
        if os.geteuid() != 0:
            self.skipTest("another user for QEMU needs root")
        guest = self.begin(self.guest("first", "SPIN", security={"user": "nobody"}))
        guest.until_state("running")
        self.assertEqual(self.FILE.stat().st_uid, 65534)
        self.assertEqual(guest.stop(), 0, guest.errors())


class Uefi(harness.LaunchTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not Path("/usr/share/OVMF/OVMF_VARS_4M.fd").exists():
            raise harness.unittest.SkipTest("ovmf is not installed")

    def environment(self, **more):
        return super().environment(KVMRT_LIBDIR=str(self.folder / "lib"), **more)

    def test_it_starts_and_keeps_its_variables(self):
        profile = self.profile(boot={"firmware": "uefi"}, memory="128MiB",
                               qemu=TCG | {"cpu": "max"})
        dry = self.run_tool("launch", "--dry-run", "-f", self.folder / "none", profile)
        store = self.folder / "lib" / f"{self.name}.uefi-vars"
        self.assertIn(str(store), dry.stdout)
        self.assertFalse(store.exists(), "a dry run changes nothing")
        guest = self.begin(profile).until_state("running")
        empty = Path("/usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes()
        harness.until("the firmware wrote variables", lambda: store.read_bytes() != empty, 200)
        self.assertEqual(guest.stop(), 0, guest.errors())
        kept = store.read_bytes()
        guest = self.begin(profile).until_state("running")
        self.assertEqual(len(store.read_bytes()), len(kept))
        self.assertNotEqual(store.read_bytes(), empty)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_store_of_other_firmware_is_told_before_anything_changes(self):
        store = self.folder / "lib" / f"{self.name}.uefi-vars"
        store.parent.mkdir()
        store.write_bytes(b"x" * 1000)
        launched = self.launch(self.profile(boot={"firmware": "uefi"}))
        self.said(launched, 1, str(store), "made for other firmware")
        self.assertEqual(store.read_bytes(), b"x" * 1000)
