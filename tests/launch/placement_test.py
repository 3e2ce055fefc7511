# SPDX-License-Identifier: MIT
"""Every thread where the profile says, for guests of other shapes than the plainest."""

import json
import os
import signal

import harness
import kernel
from harness import HOUSEKEEPING, RT_CPU, rom


class Placement(harness.LaunchTest):
    needs_real_time = True

    def start(self, profile, *arguments):
        return self.begin(profile, *arguments).until_state("running").until_said("guest runs")

    def boot(self):
        return {"firmware": str(rom("SAY=halts"))}

    def threads(self, guest):
        """Name: thread; the two ways to name a vCPU's are made one."""
        return {thread.name.split("/")[0]: thread for thread in kernel.threads(guest.qemu())}

    def test_round_robin_and_a_priority_of_its_own(self):
        wishes = {"emulator_cpuset": "housekeeping", "policy": "rr", "priority": 3}
        guest = self.start(self.rt_profile(boot=self.boot(), realtime=wishes))
        vcpu = self.threads(guest)["CPU 0"]
        self.assertEqual((vcpu.cpus, vcpu.policy, vcpu.priority), ({RT_CPU}, os.SCHED_RR, 3))
        self.assertEqual(guest.stop(), 0)

    def test_the_first_cpu_is_the_emulators_and_the_others_are_the_vcpus(self):
        first = min(HOUSEKEEPING)
        guest = self.start(self.profile(boot=self.boot(), nr_vcpus=2, cpuset=f"{first},{RT_CPU}"))
        for name, thread in self.threads(guest).items():
            wanted = {RT_CPU} if name.startswith("CPU ") else {first}
            self.assertEqual((name, thread.cpus, thread.policy), (name, wanted, 0))
        self.assertEqual(guest.stop(), 0)

    def test_a_cpuset_of_one_takes_everything(self):
        guest = self.start(self.profile(boot=self.boot(), cpuset=str(RT_CPU)))
        for name, thread in self.threads(guest).items():
            self.assertEqual((name, thread.cpus), (name, {RT_CPU}))
        self.assertEqual(guest.stop(), 0)

    def test_without_wishes_nothing_is_moved(self):
        mine = os.sched_getaffinity(0)
        guest = self.start(self.profile(boot=self.boot()))
        for name, thread in self.threads(guest).items():
            self.assertEqual((name, thread.cpus, thread.policy), (name, mine, 0))
        self.assertEqual(guest.stop(), 0)

    def test_iothreads_live_with_the_emulator(self):
        guest = self.start(self.rt_profile(boot=self.boot(), iothreads=[{"name": "io0"}]))
        iothread = self.threads(guest)["IO io0"]
        self.assertLessEqual(iothread.cpus, HOUSEKEEPING)
        self.assertEqual(iothread.policy, 0)
        rows = {row["name"]: row["class"] for row in self.stat("-t")[guest.name]["threads"]}
        self.assertEqual(rows["io0"], "iothread")
        self.assertEqual(guest.stop(), 0)

    def test_emulator_threads_may_have_a_policy_of_their_own(self):
        wishes = {"emulator_cpuset": "housekeeping", "emulator": {"policy": "fifo", "priority": 1},
                  "priority": 2}
        guest = self.start(self.rt_profile(boot=self.boot(), realtime=wishes))
        threads = {thread.tid: thread for thread in kernel.threads(guest.qemu())}
        main = threads[guest.qemu()]
        self.assertEqual((main.policy, main.priority, main.reset_on_fork), (os.SCHED_FIFO, 1, True))
        self.assertEqual(self.threads(guest)["CPU 0"].priority, 2)
        self.assertEqual(guest.stop(), 0)

    def test_a_vm_may_be_named_in_a_folder_of_profiles(self):
        folder = self.folder / "profiles"
        folder.mkdir()
        made = json.loads(self.profile(boot={"firmware": str(rom("OFFQ35"))}).read_text())
        (folder / "any.yaml").write_text(json.dumps(made))
        found = self.run_tool("launch", "-f", folder, made["name"])
        self.assertEqual(found.returncode, 0, found.stderr)
        found = self.run_tool("launch", "-f", folder, "another")
        self.assertEqual(found.returncode, 3)
        self.assertIn("no VM named another", found.stderr)
        self.assertIn(made["name"], found.stderr)


class OtherClients(harness.LaunchTest):
    """A user talks to QEMU beside the supervisor, through its proxy."""

    def start(self, profile=None):
        guest = self.begin(profile or self.profile(boot={"firmware": str(rom("SAY=halts"))}))
        guest.until_state("running").until_said("guest runs")
        self.client = harness.Monitor(self, guest.name)
        self.ask = self.client.ask
        return guest

    def test_a_guest_that_is_paused_and_resumed_is_told_so(self):
        guest = self.start()
        self.assertIn("return", self.ask("stop"))
        guest.until_state("paused")
        self.assertEqual(self.stat()[guest.name]["state"], "paused")
        self.assertIn("return", self.ask("cont"))
        guest.until_state("running")
        self.assertEqual(self.ask("query-status")["return"]["status"], "running")
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_quit_from_outside_is_12(self):
        guest = self.start()
        self.ask("quit")
        self.said(guest, 12, "told to quit by another client")

    def test_a_reset_from_outside_restarts_the_guest_in_place(self):
        guest = self.start()
        qemu, console = guest.qemu(), self.run_dir / "vms" / guest.name / "console.log"
        harness.until("it spoke", lambda: console.read_text().count("halts") == 1)
        self.assertIn("return", self.ask("system_reset"))
        harness.until("it speaks again", lambda: console.read_text().count("halts") == 2, 10)
        self.assertEqual((guest.qemu(), guest.state()["status"]), (qemu, "running"))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_power_button_from_outside_is_passed_on(self):
        guest = self.start()
        self.assertIn("return", self.ask("system_powerdown"))
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_how_a_guest_ends_is_not_the_clients_to_decide(self):
        guest = self.start()
        self.assertIn("error", self.ask("set-action", reboot="reset"))
        self.assertEqual(self.ask("query-status")["return"]["status"], "running")
        self.assertEqual(guest.stop(), 0, guest.errors())

    def plug_vcpu(self):
        places = self.ask("query-hotpluggable-cpus")["return"]
        place = [one for one in places if "qom-path" not in one][-1]
        return self.ask("device_add", driver=place["type"], id="more", **place["props"])

    @harness.unittest.skipIf(len(harness.CPUS) < 2, "wants a second CPU")
    def test_a_vcpu_that_is_plugged_in_is_placed_and_proven(self):
        profile = self.profile(nr_vcpus=1, max_vcpus=2, cpuset=f"{harness.CPUS[0]},{RT_CPU}",
                               boot={"firmware": str(rom("SAY=halts"))})
        guest = self.start(profile)
        self.assertIn("return", self.plug_vcpu())
        guest.until_said("the guest has 2 vCPUs now, placement proven", limit=5)
        tid = guest.state()["reported"]["vcpus"]["1"]
        self.assertEqual(kernel.thread(guest.qemu(), tid).cpus, {RT_CPU})
        told = self.stat("-t")[guest.name]
        self.assertEqual(told["nr_vcpus"], 2)
        self.assertEqual([row for row in told["threads"] if not row["as_planned"]], [])
        # A supervisor that comes later finds it too.
        guest.process.kill()
        guest.process.wait(10)
        again = self.begin(profile).until_said("adopted the running QEMU")
        again.until_said("guest runs")
        self.assertNotIn("not as planned", again.errors())
        self.assertEqual(again.stop(), 0, again.errors())

    def test_vcpus_that_are_plugged_in_at_once_do_not_take_each_others_answers(self):
        guest = self.start(self.profile(nr_vcpus=1, max_vcpus=6,
                                        boot={"firmware": str(rom("SAY=halts"))}))
        places = self.ask("query-hotpluggable-cpus")["return"]
        free = [one for one in places if "qom-path" not in one]
        for number, place in enumerate(free):
            self.client.send("device_add", number, driver=place["type"], id=f"more{number}",
                             **place["props"])
        for number in range(len(free)):
            self.assertIn("return", self.client.receive(number))
        guest.until_said("the guest has 6 vCPUs now, placement proven", limit=10)
        self.assertEqual(len(guest.state()["reported"]["vcpus"]), 6)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_vcpu_without_a_cpu_in_the_plan_is_refused(self):
        guest = self.start()
        refused = self.ask("device_add", driver="max-x86_64-cpu", id="more")
        self.assertIn("no CPU for another vCPU", refused["error"]["desc"])
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_real_time_guest_needs_a_cpu_for_every_vcpu_that_may_come(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        guest = self.begin(self.rt_profile(nr_vcpus=1, max_vcpus=2))
        self.said(guest, 3, "cpuset")

    def test_an_iothread_made_later_is_placed(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        guest = self.start(self.rt_profile(boot={"firmware": str(rom("SAY=halts"))}))
        made = self.ask("object-add", **{"qom-type": "iothread", "id": "late"})
        self.assertIn("return", made)

        def late():
            return [t for t in kernel.threads(guest.qemu()) if t.name == "IO late"]

        harness.until("the thread", late, 5)
        self.assertLessEqual(late()[0].cpus, HOUSEKEEPING)
        rows = self.stat("-t")[guest.name]["threads"]
        self.assertEqual([row for row in rows if not row["as_planned"]], [])
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_client_that_goes_away_changes_nothing(self):
        guest = self.start()
        self.client.close()
        self.assertTrue(kernel.alive(guest.qemu()))
        guest.signal(signal.SIGTERM)
        self.said(guest, 0)

    def test_many_clients_at_once_each_get_their_own_replies_and_all_events(self):
        guest = self.start()
        clients = [harness.Monitor(self, guest.name) for _ in range(8)]
        for turn in range(20):
            for number, client in enumerate(clients):
                client.send("query-name" if number % 2 else "query-status", [number, turn])
        for turn in range(20):
            for number, client in enumerate(clients):
                reply = client.receive([number, turn])["return"]
                self.assertIn("name" if number % 2 else "status", reply)
        clients[0].ask("stop")
        guest.until_state("paused")
        for client in clients:
            client.ask("query-status")
            self.assertEqual(client.events, ["STOP"])
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_real_time_guest_gets_no_further_vcpu(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        guest = self.start(self.rt_profile(boot={"firmware": str(rom("SAY=halts"))}))
        reply = self.ask("device_add", driver="max-x86_64-cpu", id="more")
        self.assertIn("no CPU for another vCPU", reply["error"]["desc"])
        self.assertEqual(guest.stop(), 0, guest.errors())
