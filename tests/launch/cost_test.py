# SPDX-License-Identifier: MIT
"""What a supervisor costs while its guest runs. `scripts/bench launch` measures the rest."""

import time

import harness
import kernel
from harness import rom

MIB = 1 << 20


class CostAtRest(harness.LaunchTest):
    """The limit for memory is 8 MiB in a release build; others have larger code to map."""

    def measure(self, guest):
        guest.until_state("running").until_said("guest runs")
        time.sleep(2)  # the two sweeps that follow the start
        all_of_it, anonymous = kernel.resident(guest.pid)
        before = kernel.wake_ups(guest.pid)
        time.sleep(5)
        woken = kernel.wake_ups(guest.pid) - before
        print(f"supervisor: {all_of_it / MIB:.1f} MiB resident, {anonymous / MIB:.1f} MiB its own, "
              f"{woken} wake-ups in 5 s")
        self.assertLessEqual(woken, 3, "one slow check for drift may fall into the time")
        self.assertLessEqual(anonymous, 4 * MIB)
        self.assertLessEqual(all_of_it, 24 * MIB)
        self.assertEqual(guest.stop(), 0, guest.errors())

    def test_a_guest_without_wishes(self):
        self.measure(self.begin(self.profile(boot={"firmware": str(rom("SAY=halts"))})))

    def test_a_real_time_guest(self):
        reason = harness.no_real_time()
        if reason:
            self.skipTest(reason)
        self.measure(self.begin(self.rt_profile(boot={"firmware": str(rom("SAY=halts"))})))
