# SPDX-License-Identifier: MIT
"""create, clone, edit-config and sync-config: what becomes of the files."""

import os
import pty
import re
import select
import subprocess
import textwrap
import time
from pathlib import Path

import harness
from harness import BIN

HOST = "pack:1 [numa] core:8 pu:1"


class ProfileTools(harness.LaunchTest):
    """A folder of profiles, and no guest."""

    def setUp(self):
        super().setUp()
        self.configs = self.folder / "configs"
        self.configs.mkdir()

    def tool(self, name, *arguments, **how):
        return self.run_tool(name, "-f", self.configs, *arguments, **how)

    def done(self, name, *arguments, **how):
        answer = self.tool(name, *arguments, **how)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer

    def refused(self, text, name, *arguments, **how):
        answer = self.tool(name, *arguments, **how)
        self.assertEqual((answer.returncode, answer.stdout), (3, ""), answer.stderr)
        self.assertIn(text, answer.stderr)

    def put(self, name, text):
        path = self.configs / name
        path.write_text(textwrap.dedent(text))
        return path

    def files(self):
        return sorted(path.name for path in self.configs.iterdir())


class Create(ProfileTools):
    def test_the_profile_has_cpus_of_this_host_with_reasons_and_can_be_launched(self):
        made = self.done("create", "line3", "--vcpus", 2, "--memory", "64MiB", "--input", HOST)
        path = Path(made.stdout.strip())
        self.assertEqual(path, self.configs / "line3.yaml")
        text = path.read_text()
        self.assertIn("\ncpuset: 5-7\n", text)
        self.assertRegex(text, "# +all on NUMA node 0")
        self.assertIn("#title:", text)
        plan = self.done("launch", "line3", "--dry-run", "--json", "--input", HOST)
        self.assertIn('"owned_cpus": "5-7"', plan.stdout)

    def test_a_second_vm_gets_other_cpus(self):
        self.done("create", "one", "--vcpus", 2, "--input", HOST)
        two = Path(self.done("create", "two", "--vcpus", 2, "--input", HOST).stdout.strip())
        self.assertIn("\ncpuset: 2-4\n", two.read_text())
        self.done("validate-config", "--input", HOST)

    def test_a_small_board_shares_the_emulators_cpus(self):
        made = self.done("create", "small", "--input", "pack:1 [numa] core:2 pu:1")
        text = Path(made.stdout.strip()).read_text()
        self.assertIn('\ncpuset: "1"\n', text)
        self.assertIn("\n  emulator_cpuset: housekeeping\n", text)

    def test_a_host_without_room_is_told_and_refuses_rt(self):
        tiny = "pack:1 [numa] core:1 pu:1"
        self.refused("CPU", "create", "line3", "--rt", "--input", tiny)
        self.assertEqual(self.files(), [])
        made = self.done("create", "line3", "--input", tiny)
        self.assertIn("not real-time", made.stderr)

    def test_options_become_keys_and_paths_start_here(self):
        self.done("create", "guest", "--no-rt", "--disk", "a b.img", "--disk", "/x.qcow2",
                  "--kernel", "vmlinuz", "--cmdline", "console=ttyS0 quiet", cwd=self.folder)
        shown = self.done("show-config", "guest").stdout
        for text in (f"path: \"{self.folder}/a b.img\"", "path: /x.qcow2",
                     f"kernel: {self.folder}/vmlinuz", "cmdline: \"console=ttyS0 quiet\""):
            self.assertIn(text, shown)

    def test_names_that_are_taken_or_give_no_file_are_refused(self):
        self.put("a.yaml", "name: line3\n")
        self.put("line4.yaml", "broken: [\n")
        for name in ("line3", "line4", "host", ".hidden", "a/b", "a b"):
            self.assertEqual(self.tool("create", name, "--no-rt").returncode, 3, name)
        self.assertEqual(self.files(), ["a.yaml", "line4.yaml"])
        self.refused("bad", "create", "line5", "--no-rt", "--memory", "bad")
        self.assertEqual(self.files(), ["a.yaml", "line4.yaml"])


class Clone(ProfileTools):
    TEXT = """\
        # The third line.
        name: line3   # keep me
        uuid: 6ba7b810-9dad-11d1-80b4-00c04fd430c8
        memory: 64MiB
        disks:
          - path: line3.img     # the system
            format: raw
          - {path: 'iso.img', media: cdrom}
          - path: data.img
        networks: [{type: user, mac: "52:54:00:12:34:56"}]
        """

    def setUp(self):
        super().setUp()
        self.source = self.put("line3.yaml", self.TEXT)
        for name in ("line3.img", "iso.img", "data.img"):
            with open(self.configs / name, "wb") as image:
                image.write(name.encode())
                image.seek(64 << 20)
                image.write(b"end")
        (self.configs / "line3.img").chmod(0o640)

    def test_text_and_comments_are_kept_and_identity_is_new(self):
        made = self.done("clone", "line3", "line4")
        self.assertTrue(made.stdout.endswith(f"{self.configs}/line4.yaml\n"), made.stdout)
        fresh = (self.configs / "line4.yaml").read_text()
        wanted = textwrap.dedent(self.TEXT).replace("name: line3", "name: line4").replace(
            "path: line3.img", "path: line4.img").replace("path: data.img", "path: line4-data.img").replace(
            '"52:54:00:12:34:56"', "auto")
        wanted = re.sub("uuid: .*", "UUID", wanted)
        self.assertEqual(re.sub("uuid: .*", "UUID", fresh), wanted)
        self.assertNotIn("6ba7b810", fresh)
        self.done("validate-config")
        self.assertEqual(self.source.read_text(), textwrap.dedent(self.TEXT))

    def test_disks_are_equal_and_stay_sparse_and_what_is_read_only_is_shared(self):
        made = self.done("clone", "line3", "line4")
        self.assertIn("iso.img", made.stderr)
        for old, new in (("line3.img", "line4.img"), ("data.img", "line4-data.img")):
            self.assertEqual((self.configs / old).read_bytes(), (self.configs / new).read_bytes())
            self.assertLess((self.configs / new).stat().st_blocks * 512, 1 << 20)
        self.assertEqual((self.configs / "line4.img").stat().st_mode & 0o777, 0o640)
        self.assertFalse((self.configs / "line4-iso.img").exists())

    def test_an_overlay_holds_the_differences_only(self):
        made = self.done("clone", "--overlay", "line3", "line4")
        self.assertIn("must not change", made.stdout)
        image = self.configs / "line4.qcow2"
        info = subprocess.run(["qemu-img", "info", image], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        self.assertIn(f"backing file: {self.configs}/line3.img", info)
        self.assertIn("backing file format: raw", info)
        self.assertIn("format: qcow2", (self.configs / "line4.yaml").read_text())

    def test_when_a_step_fails_nothing_is_left(self):
        before = self.files()
        (self.configs / "data.img").unlink()
        self.refused("data.img", "clone", "line3", "line4")
        (self.configs / "data.img").write_bytes(b"x")
        (self.configs / "line4-data.img").write_bytes(b"mine")
        self.refused("line4-data.img", "clone", "line3", "line4")
        self.assertEqual((self.configs / "line4-data.img").read_bytes(), b"mine")
        (self.configs / "line4-data.img").unlink()
        self.assertEqual(self.files(), before)

    def test_one_of_several_in_a_file_is_cloned_alone(self):
        self.put("both.yaml", "---\nname: one\n# first\n---\n# second\nname: 'two'\nmemory: 64MiB\n")
        self.done("clone", "two", "three")
        self.assertEqual((self.configs / "three.yaml").read_text(),
                         "# second\nname: three\nmemory: 64MiB\n")

    def test_a_running_vm_is_not_cloned(self):
        self.put("line3.yaml", "name: line3\nmemory: 32MiB\nqemu: {accel: tcg}\n"
                 f"boot: {{firmware: {harness.rom('SAY=halts')}}}\n"
                 "disks: [{path: data.img}]\n")
        self.done("boot", "line3")
        self.addCleanup(self.tool, "shutdown", "--force")
        self.refused("runs", "clone", "line3", "line4")
        self.assertFalse((self.configs / "line4.yaml").exists())


class EditConfig(ProfileTools):
    def setUp(self):
        super().setUp()
        self.file = self.put("line3.yaml", "name: line3\nmemory: 64MiB\n")

    def editor(self, body):
        """An $EDITOR that does this to "$1"; counts its runs."""
        path = self.folder / "editor"
        path.write_text(f"#!/bin/sh\necho run >> {self.folder}/runs\n{body}\n")
        path.chmod(0o755)
        return self.environment(VISUAL="", EDITOR=str(path))

    def runs(self):
        return len((self.folder / "runs").read_text().split())

    def edit(self, body, *arguments):
        return self.tool("edit-config", *arguments, environment=self.editor(body))

    def test_a_good_edit_is_put_in_place_with_mode_and_owner(self):
        self.file.chmod(0o640)
        os.chown(self.file, 65534 if os.geteuid() == 0 else -1, -1)
        before = self.file.stat()
        answer = self.edit('sed -i s/64MiB/128MiB/ "$1"', "line3")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("128MiB", self.file.read_text())
        after = self.file.stat()
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid),
                         (before.st_mode, before.st_uid, before.st_gid))
        self.assertNotEqual(after.st_ino, before.st_ino)
        self.assertEqual(self.files(), ["line3.yaml"])

    def test_errors_without_a_terminal_abandon_the_edit(self):
        answer = self.edit('echo "memroy: 1GiB" >> "$1"', "line3")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("line3.yaml:3:1", answer.stderr)
        self.assertIn("is unchanged", answer.stderr)
        self.assertEqual(self.file.read_text(), "name: line3\nmemory: 64MiB\n")

    def test_an_edit_that_breaks_another_vm_is_not_put_in_place(self):
        self.put("line4.yaml", "name: line4\nmemory: 64MiB\n")
        answer = self.edit('sed -i s/line3/line4/ "$1"', "line3")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("duplicate-name", answer.stderr)
        self.assertIn("line3", self.file.read_text())

    def test_a_broken_profile_can_be_put_right_beside_another_broken_one(self):
        self.put("line3.yaml", "name: line3\nmemory: nonsense\n")
        self.put("other.yaml", "name: other\nmemory: nonsense\n")
        answer = self.edit('sed -i s/nonsense/1GiB/ "$1"', "line3")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("1GiB", self.file.read_text())

    def test_an_editor_that_fails_or_changes_nothing_leaves_the_file(self):
        inode = self.file.stat().st_ino
        self.assertEqual(self.edit('echo x >> "$1"; exit 7', "line3").returncode, 1)
        answer = self.edit("true")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("nothing changed", answer.stdout)
        self.assertEqual(self.file.stat().st_ino, inode)

    def test_what_someone_else_wrote_meanwhile_is_not_overwritten(self):
        answer = self.edit(f'echo "# theirs" >> {self.file}; echo "# mine" >> "$1"', "line3")
        self.assertEqual(answer.returncode, 3)
        kept = Path(re.search("your version is (.*)", answer.stderr).group(1))
        self.assertIn("# mine", kept.read_text())
        self.assertIn("# theirs", self.file.read_text())
        kept.unlink()
        kept.parent.rmdir()

    def test_a_second_editor_is_kept_away(self):
        inside = f"{BIN}/kvmrt-edit-config -f {self.configs} line3 2> {self.folder}/second; echo $? >> {self.folder}/second"
        self.edit(f'EDITOR=true; export EDITOR; {inside}', "line3")
        second = (self.folder / "second").read_text()
        self.assertIn("another editor", second)
        self.assertTrue(second.endswith("3\n"), second)

    def test_without_a_name_several_profiles_are_listed(self):
        self.put("line4.yaml", "name: line4\n")
        answer = self.edit("true")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("line3, line4", answer.stderr)

    def test_at_a_terminal_errors_are_asked_about_and_edited_again(self):
        body = (f'if [ "$(wc -l < {self.folder}/runs)" -eq 1 ]; then echo "memroy: 1" >> "$1"; '
                'else sed -i "s/memroy: 1/title: good/" "$1"; fi')
        code, said = self.at_terminal(self.editor(body), {"What now?": "x\ne\n"})
        self.assertEqual(code, 0, said)
        self.assertEqual(self.runs(), 2)
        self.assertIn("title: good", self.file.read_text())
        self.assertGreaterEqual(said.count("What now?"), 2)  # 'x' is no answer

    def test_at_a_terminal_an_edit_can_be_abandoned(self):
        code, said = self.at_terminal(self.editor('echo "memroy: 1" >> "$1"'), {"What now?": "a\n"})
        self.assertEqual(code, 3, said)
        self.assertNotIn("memroy", self.file.read_text())

    def at_terminal(self, environment, answers):
        """The exit code, and what the terminal showed. Each answer is typed once, at its text."""
        main, side = pty.openpty()
        process = subprocess.Popen([BIN / "kvmrt-edit-config", "-f", self.configs, "line3"],
                                   stdin=side, stdout=side, stderr=side, env=environment)
        os.close(side)
        said = ""
        end = time.monotonic() + harness.START
        while time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                try:
                    said += os.read(main, 4096).decode(errors="replace")
                except OSError:
                    break  # the terminal's other side is closed
            for text in [text for text in answers if text in said]:
                os.write(main, answers.pop(text).encode())
        os.close(main)
        try:
            return process.wait(10), said
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class SyncConfig(ProfileTools):
    def setUp(self):
        super().setUp()
        self.root = self.folder / "root"
        self.configs = self.root / "etc/kvmrt"
        self.configs.mkdir(parents=True)
        self.wants = self.root / "etc/systemd/system/kvmrt.target.wants"

    def sync(self, code=0):
        answer = self.run_tool("sync-config", "--root", self.root)
        self.assertEqual(answer.returncode, code, answer.stderr)
        return answer

    def links(self):
        return sorted(path.name for path in self.wants.iterdir()) if self.wants.exists() else []

    def test_autostart_vms_are_wanted_and_others_are_not(self):
        self.put("a.yaml", "name: line3\n---\nname: byhand\nautostart: false\n")
        self.assertIn("line3: started with kvmrt.target", self.sync().stdout)
        self.assertEqual(self.links(), ["kvmrt@line3.service"])
        self.assertEqual(os.readlink(self.wants / "kvmrt@line3.service"),
                         "/lib/systemd/system/kvmrt@.service")
        self.assertIn("all is in line", self.sync().stdout)
        self.put("a.yaml", "name: line3\nautostart: false\n")
        self.assertIn("autostart: false", self.sync().stdout)
        self.assertEqual(self.links(), [])

    def test_a_vm_that_is_gone_is_wanted_no_more_and_a_broken_one_stays(self):
        self.put("a.yaml", "name: line3\n")
        self.put("b.yaml", "name: line4\n")
        self.sync()
        (self.configs / "a.yaml").unlink()
        self.put("b.yaml", "name: line4\nmemroy: 1\n")
        self.assertIn("memroy", self.sync(3).stderr)
        self.assertEqual(self.links(), ["kvmrt@line4.service"])
        self.put("b.yaml", "name: [line4\n")
        self.sync(3)
        self.assertEqual(self.links(), ["kvmrt@line4.service"])

    def test_what_is_not_ours_is_left_alone(self):
        self.wants.mkdir(parents=True)
        (self.wants / "other.service").symlink_to("/lib/systemd/system/other.service")
        self.sync()
        self.assertEqual(self.links(), ["other.service"])

    def test_devices_are_reserved_and_given_back(self):
        rule = self.root / "etc/udev/rules.d/60-kvmrt-vfio.rules"
        self.put("a.yaml", "name: line3\npci: ['0000:03:00.0']\n")
        self.assertIn("reserved", self.sync().stdout)
        self.assertIn("0000:03:00.0", rule.read_text())
        self.put("b.yaml", "name: [\n")
        (self.configs / "a.yaml").unlink()
        self.sync(3)
        self.assertTrue(rule.exists())
        (self.configs / "b.yaml").unlink()
        self.sync()
        self.assertFalse(rule.exists())

    def test_profiles_elsewhere_are_nothing_to_sync_with(self):
        answer = self.run_tool("sync-config", "-f", self.configs)
        self.assertEqual(answer.returncode, 3)
        self.assertIn("/etc/kvmrt", answer.stderr)

    def test_profiles_whose_source_changed_are_renewed_and_vanished_sources_told(self):
        xml = self.folder / "line3.xml"
        text = ("<domain type='kvm'><name>line3</name><memory unit='MiB'>64</memory>"
                "<os><type>hvm</type></os></domain>")
        xml.write_text(text)
        self.done("import", xml)
        self.assertIn("64MiB", (self.configs / "line3.yaml").read_text())
        xml.write_text(text.replace(">64<", ">128<"))
        renewed = self.done("sync-config", "-r")
        self.assertIn("line3", renewed.stdout)
        self.assertIn("128MiB", (self.configs / "line3.yaml").read_text())
        xml.unlink()
        answer = self.tool("sync-config", "-r")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("line3.xml is gone", answer.stdout + answer.stderr)
        self.assertTrue((self.configs / "line3.yaml").exists())
