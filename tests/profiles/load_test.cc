// SPDX-License-Identifier: MIT
#include "profiles/load.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/file.h"
#include "tests/paths.h"

namespace kvmrt::profiles {
namespace {

namespace fs = std::filesystem;

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

Profile one(const std::string& text, const Overrides& overrides = {}) {
  const auto loaded = load_text(text, "/etc/kvmrt/vm.yaml", overrides);
  if (!loaded || loaded->size() != 1) {
    ADD_FAILURE() << told(loaded.problems());
    return {};
  }
  return loaded->front();
}

TEST(ProfileText, WithANameAloneHasAllDefaults) {
  const Profile profile = one("name: line3\n");
  EXPECT_EQ(profile.name, "line3");
  EXPECT_EQ(profile.nr_vcpus, 1);
  EXPECT_EQ(profile.memory.size, gib(1));
  EXPECT_FALSE(profile.rt);
  EXPECT_FALSE(profile.rt_memory);
  EXPECT_FALSE(profile.cpuset.is_set());
  EXPECT_TRUE(profile.numatune.is_auto());
  EXPECT_TRUE(profile.autostart);
  EXPECT_EQ(profile.uuid, uuid_of("line3"));
  EXPECT_EQ(profile.topology, (CpuTopology{1, 1, 1}));
}

TEST(ProfileText, TakesEveryKeyOfTheSpecification) {
  const auto loaded = load_file(KVMRT_SOURCE_DIR "/tests/profiles/full.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  const Profile& profile = loaded->front();
  EXPECT_EQ(profile.cpuset.set, CpuSet::range(4, 6));
  EXPECT_EQ(profile.memory.hugepages, gib(1));
  EXPECT_TRUE(profile.rt_memory);
  EXPECT_EQ(profile.realtime.vcpus, (std::vector<int>{0, 1}));
  EXPECT_EQ(profile.latency.budget_us, 40);
  EXPECT_EQ(profile.boot.kernel, KVMRT_SOURCE_DIR "/tests/profiles/vmlinuz");
  EXPECT_EQ(profile.clock.timers.at("hpet"), "off");
  EXPECT_FALSE(profile.iothreads.at(0).cpuset);
  EXPECT_EQ(profile.disks.at(0).iothread, "io0");
  EXPECT_EQ(profile.networks.at(0).forward, std::vector<std::string>{"2222:22"});
  EXPECT_EQ(profile.networks.at(1).bridge, "br0");
  EXPECT_EQ(profile.pci, std::vector<std::string>{"0000:03:00.0"});
  EXPECT_EQ(profile.watchdog, "i6300esb");
  EXPECT_TRUE(profile.rng);
  EXPECT_EQ(profile.security.user, "kvmrt");
  EXPECT_EQ(profile.qemu.extra_args.at(1), "isa-debug-exit,iobase=0xf4,iosize=4");
}

TEST(ProfileText, TakesBooleansInEveryWordAndCase) {
  for (const char* word : {"true", "True", "ON", "yes", "YES", "1", "\"on\""})
    EXPECT_TRUE(one(std::string("name: a\nhide_kvm: ") + word).hide_kvm) << word;
  for (const char* word : {"false", "off", "No", "0", "OFF"})
    EXPECT_FALSE(one(std::string("name: a\nautostart: ") + word).autostart) << word;
}

TEST(ProfileText, TakesIdSetsWithAndWithoutQuotes) {
  EXPECT_EQ(one("name: a\ncpuset: 4").cpuset.set, CpuSet{4});
  EXPECT_EQ(one("name: a\ncpuset: 0,2,4-7").cpuset.set, (CpuSet{0, 2, 4, 5, 6, 7}));
  EXPECT_EQ(one("name: a\ncpuset: \"4-6\"").cpuset.set, CpuSet::range(4, 6));
  EXPECT_TRUE(one("name: a\ncpuset: auto").cpuset.is_auto());
  EXPECT_EQ(one("name: a\ncpuset: \"\"").cpuset, Choice<CpuSet>{});
  EXPECT_EQ(one("name: a\nnumatune: \"\"").numatune, Choice<NodeSet>{});
}

TEST(ProfileText, TakesBothFormsWhereTwoStand) {
  EXPECT_EQ(one("name: a\nmemory: 2GiB").memory.size, gib(2));
  EXPECT_EQ(one("name: a\nmemory: {size: 2GiB}").memory.size, gib(2));
  EXPECT_EQ(one("name: a\nwatchdog: i6300esb").watchdog, "i6300esb");
  EXPECT_EQ(one("name: a\nwatchdog: {model: off}").watchdog, "");
  EXPECT_EQ(one("name: a\ngraphics: {type: vnc}").graphics.type, "vnc");
  EXPECT_EQ(one("name: a\nserial: [none]").serial.at(0).type, "none");
  const CpuTopology wanted{1, 2, 2};
  EXPECT_EQ(one("name: a\nnr_vcpus: 4\ncpu_topology: 1, 2, 2").topology, wanted);
  EXPECT_EQ(one("name: a\nnr_vcpus: 4\ncpu_topology: {cores: 2, threads: 2}").topology, wanted);
  EXPECT_EQ(one("name: a\nnr_vcpus: 4\ncpu_topology: auto").topology, (CpuTopology{1, 4, 1}));
}

TEST(ProfileText, TakesNothingForTheDefault) {
  const Profile profile = one("name: a\nnr_vcpus:\nmemory: ~\ndisks: null\nrealtime: {priority: }");
  EXPECT_EQ(profile.nr_vcpus, 1);
  EXPECT_EQ(profile.memory.size, gib(1));
  EXPECT_TRUE(profile.disks.empty());
  EXPECT_EQ(profile.realtime.scheduling.priority, 1);
}

TEST(ProfileText, TellsDurationFromTheTextOfALine) {
  const std::string head = "name: a\nrealtime: {promote: after-boot, promote_after: ";
  EXPECT_EQ(one(head + "20s}").realtime.promote_after_time, seconds(20));
  EXPECT_EQ(one(head + "2min}").realtime.promote_after_time, seconds(120));
  EXPECT_EQ(one(head + "\"login:\"}").realtime.promote_after_text, "login:");
  EXPECT_EQ(one(head + "\"20s\"}").realtime.promote_after_text, "20s");
}

TEST(ProfileText, LocksMemoryAsRtSaysUnlessTold) {
  EXPECT_TRUE(one("name: a\nrt: on\ncpuset: 1-2").rt_memory);
  EXPECT_TRUE(one("name: a\nrt: on\ncpuset: 1-2\nrt_memory: auto").rt_memory);
  EXPECT_TRUE(one("name: a\nrt_memory: yes").rt_memory);
}

TEST(ProfileText, ResolvesRelativePathsAgainstItsFolder) {
  const Profile profile =
      one("name: a\nboot: {kernel: ../vmlinuz, firmware: bios}\n"
          "disks: [{path: a.qcow2}, {path: /dev/sda}, {path: \"nbd://host/x\"}]\n"
          "qemu: {binary: ./qemu}\n");
  EXPECT_EQ(profile.boot.kernel, "/etc/vmlinuz");
  EXPECT_EQ(profile.boot.firmware, "bios");
  EXPECT_EQ(profile.disks[0].path, "/etc/kvmrt/a.qcow2");
  EXPECT_EQ(profile.disks[1].path, "/dev/sda");
  EXPECT_EQ(profile.disks[2].path, "nbd://host/x");
  EXPECT_EQ(profile.qemu.binary, "/etc/kvmrt/qemu");
  EXPECT_EQ(profile.folder, "/etc/kvmrt");
}

TEST(ProfileText, MayHaveAByteOrderMarkAndCarriageReturns) {
  const Profile profile = one("\xEF\xBB\xBFname: a\r\ntitle: b c\r\nmemory:\r\n  size: 2GiB\r\n");
  EXPECT_EQ(profile.name, "a");
  EXPECT_EQ(profile.title, "b c");
  EXPECT_EQ(profile.memory.size, gib(2));
}

TEST(ProfileText, HoldsSeveralVms) {
  const auto loaded = load_text("name: a\n---\nname: b\n---\n", "vm.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  ASSERT_EQ(loaded->size(), 2U);
  EXPECT_EQ(loaded->at(1).place, (Place{"vm.yaml", 3, 1}));
}

TEST(ProfileText, RemembersWhereEachKeyStands) {
  const Profile profile = one("name: a\nrealtime:\n  priority: 2\ndisks:\n  - path: x\n");
  EXPECT_EQ(profile.place_of("realtime.priority"), (Place{"/etc/kvmrt/vm.yaml", 3, 13}));
  EXPECT_EQ(profile.place_of("disks[0].path"), (Place{"/etc/kvmrt/vm.yaml", 5, 11}));
  EXPECT_EQ(profile.place_of("disks[0].bus"), (Place{"/etc/kvmrt/vm.yaml", 5, 5}));
  EXPECT_EQ(profile.place_of("memory.size"), (Place{"/etc/kvmrt/vm.yaml", 1, 1}));
}

TEST(Uuids, AreDerivedFromTheNameAndStable) {
  EXPECT_EQ(uuid_of("line3"), uuid_of("line3"));
  EXPECT_NE(uuid_of("line3"), uuid_of("line4"));
  EXPECT_EQ(uuid_of("line3").size(), 36U);
  EXPECT_EQ(uuid_of("line3")[14], '5');
  EXPECT_EQ(one("name: a\nuuid: 0C0BA0CE-56C1-4DBB-A4C7-F4E28EA3A08F").uuid,
            "0c0ba0ce-56c1-4dbb-a4c7-f4e28ea3a08f");
}

TEST(Overrides, ReplaceAddAndReset) {
  const Profile profile =
      one("name: a\nnr_vcpus: 2\nmemory: 1GiB\ndisks: [{path: x}]\n",
          {"nr_vcpus=1", "memory.hugepages=2MiB", "disks[0].path=/y", "disks[1].path=/z",
           "cpuset=4-6", "realtime.pin={0: 5}", "qemu.extra_args=[\"-x\"]", "title="});
  EXPECT_EQ(profile.nr_vcpus, 1);
  EXPECT_EQ(profile.memory.size, gib(1));
  EXPECT_EQ(profile.memory.hugepages, mib(2));
  EXPECT_EQ(profile.disks.at(0).path, "/y");
  EXPECT_EQ(profile.disks.at(1).path, "/z");
  EXPECT_EQ(profile.cpuset.set, CpuSet::range(4, 6));
  EXPECT_EQ(profile.realtime.pin.at(0), CpuId(5));
  EXPECT_EQ(profile.qemu.extra_args, std::vector<std::string>{"-x"});
}

TEST(Overrides, CountTheirColumnsInTheWholeText) {
  const auto loaded = load_text("name: a\n", "vm.yaml", {"nr_vcpus=two"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].place, (Place{"--set", 1, 10}));
  EXPECT_EQ(loaded.problems()[0].code, "wrong-type");
}

TEST(Overrides, AreRefusedWhenTheyAreNone) {
  for (const char* text : {"nr_vcpus", "=1", "a..b=1", "disks[=1", "disks[x]=1", "disks[7].path=x",
                           "name.first=x", "disks[0]x=1"}) {
    const auto loaded = load_text("name: a\n", "vm.yaml", {text});
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.problems()[0].code, "bad-override") << text;
    EXPECT_EQ(loaded.problems()[0].place.file, "--set") << text;
  }
}

TEST(UnbuiltFeatures, AreToldByKeyAndPlace) {
  const Profile profile = one("name: a\npci: 0000:03:00.0\nlatency: {preflight_s: 5}\n");
  for (const Problem& problem : unbuilt(profile)) {
    EXPECT_EQ(problem.code, "not-built-yet");
    EXPECT_GT(problem.place.line, 1);
  }
  EXPECT_TRUE(unbuilt(one("name: a\nusb: xhci\npci: []\n")).empty());
}

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string pattern = fs::temp_directory_path() / "kvmrt-profiles-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() override { fs::remove_all(path_); }
  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  fs::path path_;
};

TEST_F(Folder, GivesItsProfilesSortedButNeverTheHostFile) {
  put("b.yaml", "name: b\n");
  put("a.yml", "name: a\n");
  put("host.yaml", "housekeeping: 0\n");
  put(".hidden.yaml", "rubbish");
  put("note.txt", "rubbish");
  const auto loaded = load(path_);
  ASSERT_TRUE(loaded) << told(loaded.problems());
  ASSERT_EQ(loaded->size(), 2U);
  EXPECT_EQ(loaded->at(0).name, "a");
  EXPECT_EQ(loaded->at(1).folder, path_.string());
}

TEST_F(Folder, RefusesOneNameInTwoFiles) {
  put("a.yaml", "name: x\n");
  put("b.yaml", "title: y\nname: x\n");
  const auto loaded = load(path_);
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 1U) << told(loaded.problems());
  EXPECT_EQ(loaded.problems()[0].code, "duplicate-name");
  EXPECT_EQ(loaded.problems()[0].place, (Place{path_ / "b.yaml", 2, 7}));
}

TEST_F(Folder, TellsTheProblemsOfAllItsFiles) {
  put("a.yaml", "name: x\nrt: 7\n");
  put("b.yaml", "name: y\nrt: 8\n");
  const auto loaded = load(path_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems().size(), 2U) << told(loaded.problems());
}

TEST_F(Folder, ThatIsAbsentCannotBeRead) {
  const auto loaded = load(path_ / "none");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].code, "cannot-read");
}

TEST_F(Folder, WithAPipeInPlaceOfAFileDoesNotHang) {
  ASSERT_EQ(::mkfifo((path_ / "a.yaml").c_str(), 0600), 0);
  const auto loaded = load(path_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].code, "cannot-read");
}

TEST_F(Folder, WritableByAnyoneIsRefusedToRootAlone) {
  const std::string file = put("a.yaml", "name: a\n");
  fs::permissions(path_, fs::perms(0777));
  EXPECT_EQ(read_trusted_file(file, 0).problems().at(0).code, "world-writable");
  EXPECT_TRUE(read_trusted_file(file, 1000));
  fs::permissions(path_, fs::perms(01777));
  EXPECT_TRUE(read_trusted_file(file, 0));
  fs::permissions(file, fs::perms(0666));
  EXPECT_EQ(read_trusted_file(file, 0).problems().at(0).code, "world-writable");
}

TEST(Examples, LoadWithoutProblemsAndNeedNothingUnbuilt) {
  const auto loaded = load_folder(KVMRT_SOURCE_DIR "/profiles/examples");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  EXPECT_GE(loaded->size(), 5U);
  EXPECT_TRUE(loaded.problems().empty());
  for (const Profile& profile : *loaded) EXPECT_EQ(told(unbuilt(profile)), "");
}

class UsableProfiles : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
  }
  static std::vector<std::string> names(const Usable& usable) {
    std::vector<std::string> names;
    for (const Profile& profile : usable.profiles) names.push_back(profile.name);
    return names;
  }
  fs::path root_ = fs::path(testing::TempDir()) / ("usable" + std::to_string(::getpid()));
};

TEST_F(UsableProfiles, ABrokenDocumentCostsItsOwnVmOnly) {
  put("a.yaml", "name: good\n---\nname: bad\nmemroy: 1\n---\nname: fine\n");
  put("b.yaml", "name: [\n");
  put("c.yaml", "name: other\n");
  const Usable usable = load_usable(root_);
  EXPECT_EQ(names(usable), (std::vector<std::string>{"good", "fine", "other"}));
  EXPECT_EQ(usable.broken, std::vector<std::string>{"bad"});
  EXPECT_EQ(usable.problems.size(), 2U) << told(usable.problems);
}

TEST_F(UsableProfiles, OfTwoVmsOfOneNameNoneIsMeant) {
  put("a.yaml", "name: twice\nmemory: 1GiB\n");
  put("b.yaml", "name: twice\nmemory: 2GiB\n");
  put("c.yaml", "name: once\n");
  const Usable usable = load_usable(root_);
  EXPECT_EQ(names(usable), std::vector<std::string>{"once"});
  EXPECT_EQ(usable.broken, std::vector<std::string>{"twice"});
}

TEST_F(UsableProfiles, OfTwoVmsWithOneUuidTheFirstStays) {
  const std::string uuid = "uuid: 6ba7b810-9dad-11d1-80b4-00c04fd430c8\n";
  put("a.yaml", "name: first\n" + uuid);
  put("b.yaml", "name: second\n" + uuid);
  EXPECT_EQ(names(load_usable(root_)), std::vector<std::string>{"first"});
}

TEST_F(UsableProfiles, AFileIsReadAsIfAnotherTextStoodInIt) {
  put("a.yaml", "name: good\n");
  put("b.yaml", "name: other\n");
  const Usable usable = load_usable(root_, Instead{root_ / "a.yaml", "name: changed\n"});
  EXPECT_EQ(names(usable), (std::vector<std::string>{"changed", "other"}));
}

}  // namespace
}  // namespace kvmrt::profiles
