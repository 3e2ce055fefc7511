# SPDX-License-Identifier: MIT
"""validate-host on this machine: what root sees, what anybody sees."""

import json
import os
from pathlib import Path

import harness


class ValidateHost(harness.LaunchTest):
    def checks(self, *arguments, **how):
        answer = self.run_tool("validate-host", "--json", *arguments, limit=120, **how)
        self.assertIn(answer.returncode, (0, 3), answer.stderr)
        self.assertEqual(answer.stderr, "")
        told = json.loads(answer.stdout)
        self.assertEqual(answer.returncode == 3, told["verdict"] == "failed")
        return {check["id"]: check for check in told["checks"]}

    def as_nobody(self):
        # The build folder may be root's alone; the working folder is anybody's.
        return self.checks(cwd="/", user=65534, group=65534, extra_groups=[])

    def test_every_check_has_an_answer_and_what_is_wrong_has_a_reason(self):
        checks = self.checks()
        self.assertGreater(len(checks), 100)
        for check in checks.values():
            self.assertIn(check["status"],
                          ("ok", "warning", "failed", "unknown", "not-applicable"), check)
            if check["status"] in ("warning", "failed"):
                self.assertTrue(check["found"] and check["why"], check)

    def test_what_it_found_is_what_the_kernel_says(self):
        checks = self.checks()
        swaps = Path("/proc/swaps").read_text().count("\n") - 1
        text = json.dumps([c for c in checks.values() if "swap" in c["title"].lower()])
        self.assertEqual('"status": "ok"' in text, swaps == 0, text)

    def test_anybody_may_ask_and_sees_what_needs_no_root(self):
        if os.geteuid() != 0:
            self.skipTest("becoming nobody needs root")
        mine, theirs = self.checks(), self.as_nobody()
        self.assertEqual(mine.keys(), theirs.keys())
        worse = [name for name in mine if mine[name]["status"] != theirs[name]["status"]]
        self.assertLess(len(worse), 25, worse)
        for name in worse:
            self.assertNotEqual(theirs[name]["found"], "", theirs[name])

    def test_profiles_that_do_not_fit_are_named(self):
        self.profile(cpuset="4000", rt=True)
        answer = self.run_tool("validate-host", "-f", self.folder)
        self.assertEqual(answer.returncode, 3)
        self.assertIn("4000", answer.stdout + answer.stderr)
