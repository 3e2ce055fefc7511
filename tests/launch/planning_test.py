# SPDX-License-Identifier: MIT
"""Planning without the machine: cpu-topology, show-config, validate-config and a dry run for a host
of another shape, by a user without rights. Nothing is started."""

import ctypes
import json
import os
import re
import subprocess

import harness
from harness import BIN

HOST = "pack:2 [numa] core:4 pu:2"


def write_xml(description, path):
    """What `lstopo --of xml` writes on a machine of that description."""
    hwloc = ctypes.CDLL("libhwloc.so.15")
    host = ctypes.c_void_p()
    hwloc.hwloc_topology_init(ctypes.byref(host))
    hwloc.hwloc_topology_set_synthetic(host, description.encode())
    hwloc.hwloc_topology_load(host)
    hwloc.hwloc_topology_export_xml(host, str(path).encode(), ctypes.c_ulong(0))
    hwloc.hwloc_topology_destroy(host)


class OtherMachines(harness.LaunchTest):
    def tool(self, name, *arguments):
        """As nobody, who can read the files of this test and no more."""
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        return self.run_tool(name, "-f", self.folder, *arguments,
                             prefix=nobody if os.geteuid() == 0 else ())

    def json(self, code, name, *arguments):
        found = self.tool(name, "--json", "--input", HOST, *arguments)
        self.assertEqual((found.returncode, found.stderr), (code, ""))
        return json.loads(found.stdout)

    def host_file(self, text):
        (self.folder / "host.yaml").write_text(text)

    def test_the_tree_has_a_line_for_each_cpu_below_its_core_and_node(self):
        found = self.tool("cpu-topology", "--input", HOST)
        self.assertEqual(found.returncode, 0, found.stderr)
        tree = found.stdout
        self.assertRegex(tree, r"(?s)NUMA Node 0:.*\n    Core 0: +\[Socket 0\]\n        CPU 0\b.*"
                               r"NUMA Node 1:.*\n    Core \d+: +\[Socket 1\]\n        CPU 8\b")
        self.assertEqual(re.findall(r"^        CPU (\d+)\b", tree, re.M), [str(i) for i in range(16)])
        shown = subprocess.run([BIN / "cpu-topology", "-f", self.folder, "--input", HOST], check=True,
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(shown.stdout, tree)

    def test_a_suggestion_says_why_and_keeps_off_profiles_and_housekeeping(self):
        found = self.tool("cpu-topology", "--input", HOST, "--suggest", "2")
        self.assertRegex(found.stdout, r"(?s)Suggested cpuset: [\d,-]+\n +\S+")
        first = self.json(0, "cpu-topology", "--suggest", 2)["suggestion"]["cpuset"]
        self.profile(name="line3", cpuset=first, rt=True)
        second = self.json(0, "cpu-topology", "--suggest", 2)["suggestion"]["cpuset"]
        self.assertFalse(harness.kernel.cpu_list(first) & harness.kernel.cpu_list(second))
        (self.folder / "line3.yaml").unlink()
        self.host_file("housekeeping: 0-13\n")
        found = self.tool("cpu-topology", "--input", HOST, "--suggest", "2")
        self.assertEqual(found.returncode, 3)
        self.assertIn("3 free whole cores needed, 1 left", found.stderr)

    def test_cpus_in_json_have_their_place_and_state(self):
        made = self.json(0, "cpu-topology")
        cpus = made["cpus"]
        self.assertEqual(len(cpus), 16)
        wanted = {"cpu": 9, "package": 1, "node": 1, "siblings": "8-9", "online": True,
                  "isolated": False, "nohz_full": False, "owner": None}
        self.assertEqual(cpus[9], cpus[9] | wanted)
        self.assertNotEqual(cpus[9]["core"], cpus[11]["core"])
        self.assertEqual(len(made["nodes"]), 2)

    def test_another_machines_xml_is_as_good(self):
        xml = self.folder / "host.xml"
        write_xml(HOST, xml)
        xml.chmod(0o644)
        wanted = self.json(0, "cpu-topology")["cpus"]
        found = self.tool("cpu-topology", "--json", "--input", xml)
        self.assertEqual(json.loads(found.stdout)["cpus"], wanted)

    def test_profiles_are_checked_and_planned_for_that_machine(self):
        self.profile(name="line3", cpuset="12,14", rt=True)
        vm = self.json(0, "show-config")["vms"][0]
        self.assertEqual((vm["owned_cpus"], vm["offline_cpus"], vm["numa_nodes"]),
                         ("12-15", "13,15", "1"))
        self.assertEqual([(thread["class"], thread["cpus"]) for thread in vm["threads"]],
                         [("emulator", "12"), ("vcpu", "14")])
        self.assertEqual(vm["profile"]["cpuset"], "12,14")
        knobs = {change["knob"]: change for change in vm["host_changes"]}
        offline = knobs["/sys/devices/system/cpu/cpu13/online"]
        self.assertEqual((offline["before"], offline["after"], offline["disturbs"]), ("1", "0", True))
        self.assertTrue(all(change["reason"] for change in vm["host_changes"]))
        dry = self.tool("launch", "line3", "--dry-run", "--json", "--input", HOST)
        self.assertEqual(json.loads(dry.stdout)["host_changes"], vm["host_changes"], dry.stderr)

    def test_mistakes_have_a_stable_code_and_their_place(self):
        self.profile(name="line3", cpuset="12,14", rt=True)
        self.profile(name="line4", cpuset="13,15", rt=True)
        problems = self.json(3, "validate-config")["problems"]
        overlap = [one for one in problems if one["code"] == "rt-cpuset-overlap"]
        self.assertEqual([(one["severity"], one["key"]) for one in overlap], [("error", "cpuset")])
        self.assertTrue(overlap[0]["file"].endswith(".yaml") and overlap[0]["line"] > 1)
        self.host_file("housekeeping: 0-1\nsiblings: sometimes\n")
        wrong = [one for one in self.json(3, "validate-config")["problems"]
                 if one["file"].endswith("host.yaml")]
        self.assertEqual([(one["key"], one["line"], one["column"]) for one in wrong],
                         [("siblings", 2, 11)])
        text = self.tool("validate-config", "--input", HOST).stdout
        self.assertIn(f"{self.folder}/host.yaml:2:11: error: siblings: ", text)
