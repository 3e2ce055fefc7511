# SPDX-License-Identifier: MIT
"""Devices beside the disk and the network, on a real QEMU: each used from its other end."""

import socket
from pathlib import Path

import harness
from harness import TCG, rom


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
        self.assertFalse(path.exists(), "left behind")


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
