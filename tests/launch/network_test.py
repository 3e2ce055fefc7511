# SPDX-License-Identifier: MIT
"""Networks, in a network namespace that the test makes: interfaces as the kernel has them, and real
packets between guest and host."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import harness
import kernel
from harness import rom

BOOT = 200  # seconds that a boot may take under emulation, on a machine that has other work


def no_namespaces():
    """Why no namespace with a bridge can be made here, or None."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    name = f"kvmrt-probe{os.getpid()}"
    made = subprocess.run(["sh", "-c", f"ip netns add {name} && ip -n {name} link add br0 type bridge"],
                          capture_output=True, text=True, timeout=60, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=60, check=False)
    return made.stderr.strip() or None


class NetworkTest(harness.LaunchTest):
    """A namespace with the bridge br0 (10.77.1.1) and the pair low0, high0 (10.77.2.1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = no_namespaces()
        if reason:
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.namespace = f"kvmrt-test{os.getpid()}"
        self.run_command("ip", "netns", "add", self.namespace)
        # Before the others, so that it is the last: what the test started runs in there.
        self.addCleanup(self.run_command, "ip", "netns", "del", self.namespace)
        super().setUp()
        for line in ("link set lo up", "link add br0 type bridge", "addr add 10.77.1.1/24 dev br0",
                     "link set br0 up", "link add low0 type veth peer name high0",
                     "link set low0 up", "addr add 10.77.2.1/24 dev high0", "link set high0 up"):
            self.run_command("ip", "-n", self.namespace, *line.split())

    def run_command(self, *words, limit=60, **how):
        return subprocess.run(words, timeout=limit, check=True, capture_output=True, text=True, **how)

    def inside(self, *words, **how):
        return self.run_command("ip", "netns", "exec", self.namespace, *words, **how)

    def begin(self, profile, *arguments, **how):
        return super().begin(profile, *arguments, **how,
                             prefix=("ip", "netns", "exec", self.namespace))

    def run_tool(self, tool, *arguments, **how):
        return super().run_tool(tool, *arguments, **how,
                                prefix=("ip", "netns", "exec", self.namespace))

    def links(self):
        """Name: what `ip` says of it; without those that the test made."""
        told = json.loads(self.run_command("ip", "-n", self.namespace, "-d", "-j", "link").stdout)
        return {one["ifname"]: one for one in told
                if one["ifname"] not in ("lo", "br0", "low0", "high0")}


class NetworkInterfaces(NetworkTest):
    def guest(self, *networks, **keys):
        profile = self.profile(name="line3", networks=networks,
                               boot={"firmware": str(rom("SAY=halts"))}, **keys)
        return self.begin(profile)

    def test_a_tap_on_the_bridge_and_a_macvtap_are_made_and_go_with_the_vm(self):
        guest = self.guest({"type": "tap", "bridge": "br0", "queues": 2},
                           {"type": "macvtap", "device": "low0", "mac": "52:54:00:77:00:02"})
        guest.until_said("guest runs")
        links = self.links()
        self.assertEqual(set(links), {"line3-net0", "line3-net1"})
        tap, macvtap = links["line3-net0"], links["line3-net1"]
        self.assertEqual((tap["master"], tap["linkinfo"]["info_data"]["multi_queue"]), ("br0", True))
        self.assertEqual(tap["address"][:2], "fe")
        self.assertEqual((macvtap["link"], macvtap["address"]), ("low0", "52:54:00:77:00:02"))
        for one in links.values():
            self.assertIn("UP", one["flags"])
        opened = list(kernel.open_files(guest.qemu()).values())
        self.assertEqual(opened.count("/dev/net/tun"), 2)
        self.assertEqual(len([path for path in opened if "tap" in path]), 1)
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertEqual(self.links(), {})

    def test_a_killed_supervisor_leaves_interfaces_only_as_long_as_its_guest(self):
        guest = self.guest({"type": "tap", "bridge": "br0"}, {"type": "macvtap", "device": "low0"})
        guest.until_said("guest runs")
        os.kill(guest.pid, signal.SIGKILL)
        guest.wait(10)
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.assertEqual(set(self.links()), {"line3-net0", "line3-net1"})
        os.kill(guest.qemu(), signal.SIGKILL)
        self.no_qemu_left(guest.qemu())
        self.assertEqual(self.run_tool("recover").returncode, 0)
        self.assertEqual(self.links(), {})

    def test_a_tap_of_the_administrator_is_used_and_stays(self):
        self.run_command("ip", "-n", self.namespace, "tuntap", "add", "mode", "tap", "mine")
        before = self.links()
        guest = self.guest({"type": "tap", "device": "mine"}).until_said("guest runs")
        self.assertEqual(set(self.links()), {"mine"})
        self.assertIn("/dev/net/tun", kernel.open_files(guest.qemu()).values())
        self.assertEqual(guest.stop(), 0, guest.errors())
        self.assertEqual(set(self.links()), set(before))

    def test_what_is_not_there_is_told_before_the_start(self):
        for network, words in (
                ({"type": "tap", "bridge": "br9"}, ("networks[0].bridge", "no interface br9")),
                ({"type": "tap", "bridge": "low0"}, ("low0 is not a bridge",)),
                ({"type": "tap", "device": "low0"}, ("low0 is not a tap",)),
                ({"type": "macvtap", "device": "eth9"}, ("networks[0].device", "no interface eth9")),
        ):
            guest = self.guest(network)
            self.said(guest, 3, *words)
        self.assertEqual(self.links(), {})

    def test_vhost_without_its_device_is_told_before_qemu_aborts(self):
        if os.path.exists("/dev/vhost-net"):
            self.skipTest("this machine has /dev/vhost-net")
        guest = self.guest({"type": "tap", "bridge": "br0", "vhost": True})
        self.said(guest, 3, "networks[0].vhost", "/dev/vhost-net", "vhost: false")
        self.assertEqual(self.links(), {})

    def test_a_dry_run_shows_the_interfaces_and_makes_none(self):
        profile = self.profile(name="line3", networks=[{"type": "tap", "bridge": "br0"}])
        shown = self.run_tool("launch", "--dry-run", profile)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("net:line3-net0", shown.stdout)
        self.assertIn("tap on br0", shown.stdout)
        self.assertEqual(self.links(), {})


class Switch:
    """A vhost-user switch's end of the socket, as far as taking connections."""

    def __init__(self, path):
        self.path, self.taken, self.socket = str(path), [], None

    def begin(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                self.taken.append(self.socket.accept()[0])
            except OSError:
                return

    def end(self):
        if self.socket:
            self.socket.close()


class VhostUserSockets(harness.LaunchTest):
    def guest(self, path, **qemu):
        return self.begin(self.profile(networks=[{"type": "vhost-user", "socket": str(path)}],
                                       boot={"firmware": str(rom("SAY=halts"))},
                                       qemu=harness.TCG | qemu))

    def test_a_switch_that_never_comes_is_told_with_its_limit_and_nothing_was_started(self):
        guest = self.guest(self.folder / "switch.sock", start_timeout="1s")
        self.said(guest, 3, "switch.sock", "networks[0].socket", "after 1 s")
        self.assertEqual(list(self.qemus()), [])

    def test_a_switch_that_comes_later_is_waited_for(self):
        path = self.folder / "switch.sock"
        guest = self.guest(path).until_said("waits for the switch's socket")
        self.assertEqual(list(self.qemus()), [])
        switch = Switch(path)
        self.addCleanup(switch.end)
        switch.begin()
        # One connection of ours that asks, then QEMU's that stays.
        harness.until("QEMU connects", lambda: len(switch.taken) > 1)
        self.assertIn("share=on", " ".join(kernel.arguments(guest.qemu())))


class NetworksUnderLinux(NetworkTest):
    """One guest with three cards answers through each."""

    def test_packets_pass_through_user_tap_and_macvtap(self):
        boot = harness.linux_guest() | {
            "cmdline": "console=ttyS0 quiet kvmrt.mode=idle "
                       "kvmrt.net=10.0.2.15/24,10.77.1.2/24,10.77.2.2/24"}
        guest = self.begin(self.profile(
            name="line3", memory="192MiB", nr_vcpus=1, boot=boot,
            lifecycle={"shutdown_timeout": "60s"},
            networks=[{"type": "user", "forward": ["127.0.0.1:2207:7"]},
                      {"type": "tap", "bridge": "br0"}, {"type": "macvtap", "device": "low0"}]),
            "--console")
        harness.until("ready", lambda: "kvmrt-guest: ready" in guest.output(), BOOT)
        for address in ("10.77.1.2", "10.77.2.2"):
            with self.subTest(address):
                pinged = self.inside("busybox", "ping", "-c", "2", "-w", "60", address, limit=90)
                self.assertIn(" 0% packet loss", pinged.stdout)
        echoed = self.inside("busybox", "nc", "-w", "60", "127.0.0.1", "2207",
                             input="through the forward\n", limit=90)
        self.assertEqual(echoed.stdout, "through the forward\n")
        # The guest's own cards have the addresses that its host's side counts on.
        self.assertIn(f"eth2 {self.links()['line3-net2']['address']}", guest.output())
        self.assertEqual(guest.stop(100), 0, guest.errors())
        self.assertEqual(self.links(), {})


class VhostUserSwitch(NetworkTest):
    """DPDK's testpmd between the guest and a tap: packets by shared memory, no kernel in the guest's
    path. It polls, so it takes a CPU for as long as the test lasts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which("dpdk-testpmd"):
            raise unittest.SkipTest("dpdk-testpmd is not installed (package dpdk-dev)")

    def begin_switch(self, path):
        log = open(self.folder / "testpmd.log", "wb")
        self.addCleanup(log.close)
        switch = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "dpdk-testpmd", "--no-huge", "-m", "128",
             "--no-pci", "-l", "0-1", f"--file-prefix=kvmrt{os.getpid()}",
             "--vdev", f"net_vhost0,iface={path}", "--vdev", "net_tap0,iface=switch0", "--",
             "--no-mlockall", "--total-num-mbufs=4096", "--auto-start", "--forward-mode=io",
             "--stats-period=600"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(switch.wait, 30)
        self.addCleanup(switch.terminate)
        harness.until("the switch's socket", path.exists, 60)

    def test_packets_pass_through_a_real_switch(self):
        path = self.folder / "switch.sock"
        boot = harness.linux_guest() | {
            "cmdline": "console=ttyS0 quiet kvmrt.mode=idle kvmrt.net=10.77.3.2/24"}
        guest = self.begin(self.profile(
            name="line3", memory="192MiB", boot=boot, lifecycle={"shutdown_timeout": "60s"},
            networks=[{"type": "vhost-user", "socket": str(path)}]), "--console")
        guest.until_said("waits for the switch's socket")
        self.begin_switch(path)
        harness.until("ready", lambda: "kvmrt-guest: ready" in guest.output()
                      or guest.process.poll() is not None, BOOT)
        self.assertIsNone(guest.process.poll(), guest.errors())
        for line in ("addr add 10.77.3.1/24 dev switch0", "link set switch0 up"):
            self.run_command("ip", "-n", self.namespace, *line.split())
        pinged = self.inside("busybox", "ping", "-c", "2", "-w", "60", "10.77.3.2", limit=90)
        self.assertIn(" 0% packet loss", pinged.stdout)
        self.assertEqual(guest.stop(100), 0, guest.errors())
