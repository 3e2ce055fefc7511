# SPDX-License-Identifier: MIT
"""A short soak; scripts/soak runs long ones."""

import unittest

import harness
import soak


class ShortSoak(unittest.TestCase):
    def test_vms_come_and_go_in_any_order_and_leave_nothing(self):
        reason = harness.missing()
        if reason:
            self.skipTest(reason)
        real_time = harness.no_real_time() is None
        self.assertEqual(soak.Soak(vms=4, workers=3, seed=1, real_time=real_time).run(10), [])
