# SPDX-License-Identifier: MIT
"""What QEMU may do, and what it holds."""

import os

import harness
import kernel
from harness import rom

NOBODY = 65534


class Confinement(harness.LaunchTest):
    needs_fake = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise harness.unittest.SkipTest("running QEMU as another user needs root")

    def start(self, **keys):
        keys.setdefault("boot", {"firmware": str(rom("SAY=halts"))})
        return self.begin(self.profile(**keys)).until_state("running").until_said("guest runs")

    def assert_confined(self, pid, may_lock):
        for tid in os.listdir(f"/proc/{pid}/task"):
            lines = kernel.status(pid, tid)
            self.assertEqual(lines["Uid"].split(), [str(NOBODY)] * 4)
            self.assertEqual(lines["Gid"].split(), [str(NOBODY)] * 4)
            allowed = 1 << kernel.CAP_IPC_LOCK if may_lock else 0
            for key in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
                self.assertEqual(int(lines[key], 16) & ~allowed, 0, key)
            self.assertEqual((lines["NoNewPrivs"], lines["Seccomp"]), ("1", "2"))

    def test_a_user_of_its_own_has_no_right_left(self):
        guest = self.start(security={"user": "nobody"})
        self.assert_confined(guest.qemu(), may_lock=False)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_user_of_its_own_keeps_no_more_than_the_right_to_lock(self):
        guest = self.start(security={"user": "nobody"}, rt_memory=True)
        self.assertGreaterEqual(kernel.locked_bytes(guest.qemu()), 32 << 20)
        self.assert_confined(guest.qemu(), may_lock=True)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_real_time_guest_of_an_unprivileged_user_is_real_time(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        profile = self.rt_profile(boot={"firmware": str(rom("SAY=halts"))},
                                  security={"user": "nobody"})
        guest = self.begin(profile).until_state("running").until_said("guest runs")
        self.assert_confined(guest.qemu(), may_lock=True)
        vcpu = kernel.thread(guest.qemu(), guest.state()["reported"]["vcpus"]["0"])
        self.assertEqual((vcpu.cpus, vcpu.policy), ({harness.RT_CPU}, os.SCHED_FIFO))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_the_supervisor_keeps_only_what_it_needs_to_give_the_host_back(self):
        guest = self.start(security={"user": "nobody"})
        held = 0
        for tid in os.listdir(f"/proc/{guest.pid}/task"):
            lines = kernel.status(guest.pid, tid)
            self.assertEqual(lines["CapEff"], lines["CapPrm"])
            self.assertEqual(int(lines["CapInh"], 16) | int(lines["CapAmb"], 16), 0)
            held |= int(lines["CapEff"], 16)
        self.assertEqual(held & ~sum(1 << n for n in kernel.SUPERVISOR_CAPS), 0)
        self.assertTrue(held >> kernel.CAP_KILL & 1, "QEMU is another user's")
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_qemu_holds_no_descriptor_that_is_not_its_own(self):
        secret = open(self.folder / "secret", "w+", encoding="utf-8")
        self.addCleanup(secret.close)
        os.set_inheritable(secret.fileno(), True)
        profile = self.profile(boot={"firmware": str(rom("SAY=halts"))})
        guest = self.begin(profile, pass_fds=[secret.fileno()])
        guest.until_state("running").until_said("guest runs")
        files = kernel.open_files(guest.qemu())
        state = str(self.run_dir / "vms" / guest.name)
        here = [path for path in files.values() if path.startswith(str(self.folder))]
        self.assertLessEqual(set(here), {f"{state}/qemu.log", f"{state}/console.log"})
        self.assertEqual(files[0], "/dev/null")
        self.assertEqual((files[1], files[2]), (f"{state}/qemu.log",) * 2)
        self.assertEqual([path for path in files.values() if path.startswith("pipe:")], [])
        self.assertEqual(guest.stop(), 0)

    def test_the_state_folder_is_roots_alone(self):
        guest = self.start(security={"user": "nobody"})
        for path in (self.run_dir, self.run_dir / "vms", self.run_dir / "vms" / guest.name):
            self.assertEqual(path.stat().st_mode & 0o7777, 0o700, path)
        for path in (self.run_dir / "vms" / guest.name).iterdir():
            if not path.is_socket():  # umask rules those, and nobody gets to them
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual(guest.stop(), 0)

    def test_a_sandbox_that_is_not_wanted_is_left_out(self):
        guest = self.start(security={"user": "nobody", "sandbox": False})
        self.assertEqual(kernel.status(guest.qemu())["Seccomp"], "0")
        self.assertEqual(kernel.status(guest.qemu())["NoNewPrivs"], "1")
        self.assertEqual(guest.stop(), 0)

    def test_a_state_folder_that_others_may_write_to_is_not_used(self):
        self.run_dir.mkdir()
        self.run_dir.chmod(0o777)
        guest = self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual(guest.code, 1, guest.errors())
        self.assertIn("others may write to it", guest.errors())
        self.run_dir.chmod(0o700)
