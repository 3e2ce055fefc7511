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

    def test_a_broken_profile_is_named_and_the_host_is_judged_for_the_others(self):
        (self.folder / "broken.yaml").write_text("name: broken\nnr_vcpu: 2\n")
        self.profile(name="sound", cpuset="4000", rt=True)
        answer = self.run_tool("validate-host", "--json", "-f", self.folder, limit=120)
        told = json.loads(answer.stdout)
        self.assertEqual((answer.returncode, told["verdict"]), (3, "failed"))
        self.assertGreater(len(told["checks"]), 100)
        self.assertEqual({p["vm"] for p in told["problems"]}, {"broken", "sound"})

    def test_only_broken_profiles_are_refused(self):
        (self.folder / "broken.yaml").write_text("name: broken\nnr_vcpu: 2\n")
        answer = self.run_tool("validate-host", "-f", self.folder)
        self.assertEqual((answer.returncode, answer.stdout), (3, ""))
        self.assertIn("nr_vcpu", answer.stderr)


class CpuTopology(harness.LaunchTest):
    def test_a_broken_profile_is_named_and_the_cpus_of_the_others_are_not_suggested(self):
        machine = ["--input", "pack:1 [numa] core:8 pu:1", "--json", "--suggest", "1"]
        free = self.run_tool("cpu-topology", "-f", self.folder, *machine)
        self.assertEqual(free.returncode, 0, free.stderr)
        self.assertEqual(json.loads(free.stdout)["suggestion"]["cpuset"], "6-7")
        (self.folder / "broken.yaml").write_text("name: broken\ncpuset: 1-2\nnr_vcpu: 2\n")
        self.profile(name="sound", cpuset="6-7", rt=True)
        answer = self.run_tool("cpu-topology", "-f", self.folder, *machine)
        self.assertEqual(answer.returncode, 3)
        self.assertIn("nr_vcpu", answer.stderr)
        self.assertEqual(json.loads(answer.stdout)["suggestion"]["cpuset"], "4-5")
