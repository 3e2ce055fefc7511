# SPDX-License-Identifier: MIT
"""A QEMU that lies, floods or hangs, as one would behind which a guest has broken out; and a state
folder that somebody prepared."""

import os
import signal

import harness
import kernel
from harness import RT_CPU, rom

MIB = 1 << 20


class HostileQemu(harness.LaunchTest):
    needs_fake = True

    def peak(self, guest):
        """Its largest memory, watched until it ends."""
        found = 0
        while guest.process.poll() is None:
            try:
                found = max(found, int(kernel.status(guest.pid)["VmHWM"].split()[0]) * 1024)
            except (OSError, KeyError):
                pass
            try:
                guest.process.wait(0.1)
            except harness.subprocess.TimeoutExpired:
                pass
        return found

    def test_a_flood_of_events_is_survived_in_little_memory(self):
        guest = self.fake("wait=200;event-flood=40000;wait=100;events=poweroff")
        self.assertLess(self.peak(guest), 64 * MIB)
        self.said(guest, 0, "QEMU floods its monitor", "guest powered off")

    def test_a_flood_that_asks_for_answers_is_survived_in_little_memory(self):
        guest = self.fake("wait=200;stop-flood=20000;wait=100;events=poweroff")
        self.assertLess(self.peak(guest), 64 * MIB)
        self.said(guest, 0, "guest powered off")

    def test_errors_that_a_guest_causes_at_will_do_not_fill_the_log(self):
        data = '{"node-name":"d0","reason":"No space","operation":"write","action":"report"}'
        guest = self.fake(f"raw-event=BLOCK_IO_ERROR {data};" * 100 + "wait=100;events=poweroff")
        self.said(guest, 0, "more of this kind is not told")
        self.assertLess(guest.errors().count("storage error on d0"), 30)

    def test_an_endless_line_costs_it_the_monitor_and_then_its_life(self):
        guest = self.begin(self.fake_profile(), environment=self.environment(
            KVMRT_DEADMAN="1", KVMRT_FAKE_QEMU="wait=200;babble"))
        self.assertLess(self.peak(guest), 128 * MIB)
        self.said(guest, 12, "its monitor is lost")


class Deadman(harness.LaunchTest):
    needs_real_time = True
    needs_fake = True

    def start(self, script):
        profile = self.rt_profile(qemu={"accel": "tcg", "binary": str(harness.FAKE)})
        how = self.environment(KVMRT_DEADMAN="2", KVMRT_FAKE_QEMU=script)
        return self.begin(profile, environment=how).until_said("guest runs")

    def vcpu(self, guest):
        return kernel.thread(guest.qemu(), guest.state()["reported"]["vcpus"]["0"])

    def test_only_the_deadmans_thread_runs_above_the_vcpus(self):
        guest = self.start("")
        vcpu = self.vcpu(guest)
        raised = lambda: [thread for thread in kernel.threads(guest.pid) if thread.tid != guest.pid]
        harness.until("raised", lambda: raised()[0].policy == os.SCHED_FIFO)
        (deadman,) = raised()
        self.assertGreater(deadman.priority, vcpu.priority)
        self.assertTrue(deadman.reset_on_fork)
        for thread in kernel.threads(guest.pid):
            self.assertNotIn(RT_CPU, thread.cpus)
        # Ordinary: in the kernel it may have to wait for ordinary tasks of its CPU.
        self.assertEqual(kernel.thread(guest.pid, guest.pid).policy, os.SCHED_OTHER)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_qemu_that_hangs_loses_its_real_time_vcpus_and_then_its_life(self):
        guest = self.start("wait=300;hang")
        self.assertEqual(self.vcpu(guest).policy, os.SCHED_FIFO)
        guest.until_said("its vCPUs lose their real-time policy")
        harness.until("demoted", lambda: self.vcpu(guest).policy == os.SCHED_OTHER, 2)
        qemu = guest.qemu()
        self.said(guest, 12, "still does not answer", "QEMU ignores SIGTERM; SIGKILL",
                  "QEMU did not answer and was ended")
        self.no_qemu_left(qemu)

    def test_a_qemu_that_answers_again_gets_its_vcpus_back(self):
        guest = self.start("wait=300;hang=4500")
        guest.until_said("its vCPUs lose their real-time policy")
        guest.until_said("QEMU answers again")
        harness.until("FIFO again", lambda: self.vcpu(guest).policy == os.SCHED_FIFO, 10)
        self.assertEqual(guest.stop(), 0, guest.errors())


class DeadmanOfARealQemu(harness.LaunchTest):
    needs_real_time = True

    def test_a_frozen_qemu_is_ended_and_its_state_told(self):
        profile = self.rt_profile(boot={"firmware": str(rom("SAY=halts"))})
        guest = self.begin(profile, environment=self.environment(KVMRT_DEADMAN="2"))
        guest.until_said("guest runs")
        qemu = guest.qemu()
        os.kill(qemu, signal.SIGSTOP)
        self.addCleanup(lambda: kernel.alive(qemu) and os.kill(qemu, signal.SIGKILL))
        self.said(guest, 12, "is in state T", "QEMU did not answer and was ended")
        self.no_qemu_left(qemu)


class HostileFiles(harness.LaunchTest):
    """Links in the state folder: whatever they lead to is neither written nor believed."""

    def prepare(self, name):
        victim = self.folder / "victim"
        victim.write_text("precious")
        folder = self.run_dir / "vms" / self.name
        folder.mkdir(parents=True)
        for path in (self.run_dir, self.run_dir / "vms", folder):
            path.chmod(0o700)
        (folder / name).symlink_to(victim)
        return victim

    def refuses(self, name, code=1):
        victim = self.prepare(name)
        guest = self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual((guest.code, victim.read_text()), (code, "precious"), guest.errors())
        return guest

    def test_a_lock_that_is_a_link(self):
        self.assertIn("lock", self.refuses("lock").errors())

    def test_a_log_that_is_a_link(self):
        self.refuses("qemu.log", 0)  # rotated away: the link itself is renamed, not followed

    def test_a_state_that_is_a_link(self):
        self.refuses("state.json", 0)
        self.assertFalse((self.run_dir / "vms" / self.name / "state.json").is_symlink())

    def test_a_ledger_that_is_a_link(self):
        victim = self.folder / "victim"
        victim.write_text("precious")
        self.run_dir.mkdir(mode=0o700)
        (self.run_dir / "ledger.json").symlink_to(victim)
        self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual(victim.read_text(), "precious")

    def test_a_folder_that_is_a_link(self):
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        self.run_dir.mkdir(mode=0o700)
        (self.run_dir / "vms").symlink_to(elsewhere)
        guest = self.launch(self.profile(boot={"firmware": str(rom("OFFQ35"))}))
        self.assertEqual(guest.code, 1, guest.errors())
        self.assertIn("no symbolic link", guest.errors())
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_a_profile_that_everybody_may_write_to_is_refused_when_root_reads_it(self):
        if os.geteuid() != 0:
            self.skipTest("only root refuses it")
        profile = self.profile(boot={"firmware": str(rom("OFFQ35"))})
        profile.chmod(0o666)
        guest = self.launch(profile)
        self.assertEqual(guest.code, 3, guest.errors())

    def test_paths_with_newlines_and_blanks_are_paths(self):
        folder = self.folder / "two\nlines, and = blanks"
        folder.mkdir()
        firmware = folder / "guest, \n.rom"
        firmware.write_bytes(rom("SAY=hello", "OFFQ35").read_bytes())
        guest = self.launch(self.profile(boot={"firmware": str(firmware)}))
        self.assertEqual(guest.code, 0, guest.errors())
