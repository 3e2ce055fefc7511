// SPDX-License-Identifier: MIT
// Every kind of mistake, with the exact place where it is told.
#include <gtest/gtest.h>

#include "profiles/load.h"

namespace kvmrt::profiles {
namespace {

struct Case {
  const char* what;
  std::string text;
  std::string code;
  std::string key;
  int line;
  int column;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

class Mistake : public testing::TestWithParam<Case> {};

TEST_P(Mistake, IsToldWithCodeKeyLineAndColumn) {
  const Case& c = GetParam();
  const auto loaded = load_text(c.text, "vm.yaml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 1U) << told(loaded.problems());
  const Problem& problem = loaded.problems()[0];
  EXPECT_EQ(problem.code, c.code) << to_string(problem);
  EXPECT_EQ(problem.key, c.key) << to_string(problem);
  EXPECT_EQ(problem.severity, Severity::error);
  EXPECT_EQ(problem.place, (Place{"vm.yaml", c.line, c.column})) << to_string(problem);
}

const std::vector<Case> kText{
    {"empty", "", "empty-file", "", 1, 1},
    {"comment only", "# nothing\n", "empty-file", "", 1, 1},
    {"scalar", "hello\n", "wrong-type", "", 1, 1},
    {"list", "- name: a\n", "wrong-type", "", 1, 1},
    {"syntax", "name: a\ntitle: [x\n", "yaml-syntax", "", 3, 1},
    {"tab", "name: a\nmemory:\n\tsize: 1GiB\n", "yaml-syntax", "", 3, 1},
    {"nul", std::string("name: a\ntitle: b\0c\n", 19), "bad-encoding", "", 2, 9},
    {"latin1", "name: a\ntitle: caf\xe9\n", "bad-encoding", "", 2, 11},
    {"overlong", "name: \xc0\xaf\n", "bad-encoding", "", 1, 7},
    {"utf16", std::string("\xff\xfen\0a\0", 6), "bad-encoding", "", 1, 1},
    {"escape", "name: a\ntitle: \x1b[31m\n", "bad-encoding", "", 2, 8},
    {"anchor", "name: &n a\n", "anchor-or-alias", "", 1, 7},
    {"tag", "name: a\ntitle: !!str b\n", "tag", "", 2, 8},
    {"duplicate", "name: a\nrt: off\nname: b\n", "duplicate-key", "name", 3, 1},
    {"nested duplicate", "name: a\nmemory: {size: 1GiB, size: 2GiB}\n", "duplicate-key", "size", 2,
     22},
    {"key is a list", "name: a\n? [b]\n: c\n", "yaml-syntax", "", 2, 3},
};

const std::vector<Case> kKeys{
    {"unknown", "name: a\ncpusets: 4\n", "unknown-key", "cpusets", 2, 1},
    {"unknown nested", "name: a\nrealtime:\n  prio: 2\n", "unknown-key", "realtime.prio", 3, 3},
    {"unknown in list", "name: a\ndisks:\n  - path: x\n    buss: ide\n", "unknown-key",
     "disks[0].buss", 4, 5},
    {"unknown topology", "name: a\ncpu_topology: {dies: 2}\n", "unknown-key", "cpu_topology.dies",
     2, 22},
    {"number", "name: a\nnr_vcpus: two\n", "wrong-type", "nr_vcpus", 2, 11},
    {"fraction", "name: a\nnr_vcpus: 1.5\n", "wrong-type", "nr_vcpus", 2, 11},
    {"too small", "name: a\nnr_vcpus: 0\n", "out-of-range", "nr_vcpus", 2, 11},
    {"too big", "name: a\nrealtime: {priority: 100}\n", "out-of-range", "realtime.priority", 2, 22},
    {"huge", "name: a\nnr_vcpus: 99999999999999999999\n", "wrong-type", "nr_vcpus", 2, 11},
    {"boolean", "name: a\nrt: maybe\n", "wrong-type", "rt", 2, 5},
    {"bytes", "name: a\nmemory: 1.5GiB\n", "wrong-type", "memory", 2, 9},
    {"no bytes", "name: a\nmemory: 0\n", "out-of-range", "memory", 2, 9},
    {"page size", "name: a\nmemory: {hugepages: 4KiB}\n", "out-of-range", "memory.hugepages", 2,
     21},
    {"set", "name: a\ncpuset: 4-\n", "wrong-type", "cpuset", 2, 9},
    {"set as map", "name: a\ncpuset: {a: 1}\n", "wrong-type", "cpuset", 2, 9},
    {"word", "name: a\nqemu:\n  accel: xen\n", "out-of-range", "qemu.accel", 3, 10},
    {"duration", "name: a\nlifecycle: {shutdown_timeout: 1y}\n", "wrong-type",
     "lifecycle.shutdown_timeout", 2, 31},
    {"uuid", "name: a\nuuid: 123\n", "wrong-type", "uuid", 2, 7},
    {"name", "name: a/b\n", "bad-name", "name", 1, 7},
    {"dashed name", "name: -a\n", "bad-name", "name", 1, 7},
    {"long name", "name: " + std::string(65, 'x') + "\n", "bad-name", "name", 1, 7},
    {"no name", "title: b\n", "missing-key", "name", 1, 1},
    {"null name", "title: b\nname:\n", "missing-key", "name", 1, 1},
    {"section as list", "name: a\nrealtime: [1]\n", "wrong-type", "realtime", 2, 11},
    {"list as map", "name: a\ndisks: {path: x}\n", "wrong-type", "disks", 2, 8},
    {"item as scalar", "name: a\ndisks: [x]\n", "wrong-type", "disks[0]", 2, 9},
    {"item lacks key", "name: a\ndisks:\n  - {bus: ide}\n", "missing-key", "disks[0].path", 3, 5},
    {"bad order", "name: a\nboot: {order: [disk, floppy]}\n", "out-of-range", "boot.order[1]", 2,
     22},
    {"bad pin", "name: a\nrealtime: {pin: {0: x}}\n", "wrong-type", "realtime.pin.0", 2, 21},
    {"bad timer", "name: a\nclock: {timers: {rtc: off}}\n", "unknown-key", "clock.timers.rtc", 2,
     18},
};

const std::vector<Case> kRules{
    {"topology", "name: a\nnr_vcpus: 4\ncpu_topology: 1,2,1\n", "topology-product", "cpu_topology",
     3, 15},
    {"topology with room", "name: a\nmax_vcpus: 4\ncpu_topology: 1,1,1\n", "topology-product",
     "cpu_topology", 3, 15},
    {"no room", "name: a\nnr_vcpus: 2\nmax_vcpus: 1\n", "out-of-range", "max_vcpus", 3, 12},
    {"topology map", "name: a\ncpu_topology: {cores: 2}\n", "topology-product", "cpu_topology", 2,
     15},
    {"rt without cpuset", "name: a\nrt: yes\n", "rt-without-cpuset", "rt", 2, 5},
    {"rt without lock", "name: a\ncpuset: 1-2\nrt: on\nrt_memory: no\n", "rt-without-locked-memory",
     "rt_memory", 4, 12},
    {"emulator", "name: a\nrealtime: {emulator_cpuset: housekeeping}\n", "emulator-without-cpuset",
     "realtime.emulator_cpuset", 2, 29},
    {"fifo 0", "name: a\nrealtime:\n  emulator: {policy: fifo, priority: 0}\n", "policy-priority",
     "realtime.emulator.priority", 3, 38},
    {"other 1", "name: a\niothreads: [{name: io, priority: 1}]\n", "policy-priority",
     "iothreads[0].priority", 2, 34},
    {"rt vcpu", "name: a\nrealtime: {vcpus: 0-1}\n", "no-such-vcpu", "realtime.vcpus", 2, 19},
    {"pin vcpu", "name: a\nrealtime: {pin: {1: 4}}\n", "no-such-vcpu", "realtime.pin.1", 2, 21},
    {"pin cpu", "name: a\ncpuset: 4-5\nrealtime: {pin: {0: 7}}\n", "pin-outside-cpuset",
     "realtime.pin.0", 3, 21},
    {"hugepages", "name: a\nmemory: {size: 1536MiB, hugepages: 1GiB}\n", "hugepage-multiple",
     "memory.size", 2, 16},
    {"numa vcpus", "name: a\nnr_vcpus: 2\nnuma: [{vcpus: 0, memory: 1GiB}]\n", "numa-vcpus", "numa",
     3, 7},
    {"numa memory", "name: a\nnuma: [{vcpus: 0, memory: 2GiB}]\n", "numa-memory", "numa", 2, 7},
    {"promote", "name: a\nrealtime: {promote: after-boot}\n", "missing-key", "realtime.promote", 2,
     21},
    {"promote after", "name: a\nrealtime: {promote_after: 20s}\n", "not-together",
     "realtime.promote_after", 2, 27},
    {"initrd", "name: a\nboot: {initrd: x}\n", "not-together", "boot.initrd", 2, 16},
    {"iothread", "name: a\ndisks: [{path: x, iothread: io}]\n", "no-such-iothread",
     "disks[0].iothread", 2, 29},
    {"iothread twice", "name: a\niothreads: [{name: x}, {name: x}]\n", "duplicate-iothread",
     "iothreads[1].name", 2, 31},
    {"iothread cpus", "name: a\ncpuset: 1\niothreads: [{name: x, cpuset: 2}]\n",
     "iothread-outside-cpuset", "iothreads[0].cpuset", 3, 31},
    {"aio", "name: a\ndisks: [{path: x, cache: writeback, aio: native}]\n", "not-together",
     "disks[0].aio", 2, 42},
    {"mac", "name: a\nnetworks: [{mac: \"01:00:00:00:00:00\"}]\n", "wrong-type", "networks[0].mac",
     2, 18},
    {"tap", "name: a\nnetworks:\n  - type: tap\n", "missing-key", "networks[0].bridge", 3, 5},
    {"forward", "name: a\nnetworks: [{forward: [22]}]\n", "wrong-type", "networks[0].forward[0]", 2,
     23},
    {"pci", "name: a\npci: [\"3:0.0\"]\n", "wrong-type", "pci[0]", 2, 7},
    {"pci twice", "name: a\npci: [\"0000:03:00.0\", \"0000:03:00.0\"]\n", "duplicate-device",
     "pci[1]", 2, 23},
    {"twice in a file", "name: a\n---\nname: a\n", "duplicate-name", "name", 3, 7},
    {"uuid twice",
     "name: a\nuuid: 0c0ba0ce-56c1-4dbb-a4c7-f4e28ea3a08f\n---\n"
     "name: b\nuuid: 0C0BA0CE-56C1-4DBB-A4C7-F4E28EA3A08F\n",
     "duplicate-uuid", "uuid", 5, 7},
};

INSTANTIATE_TEST_SUITE_P(OfText, Mistake, testing::ValuesIn(kText));
INSTANTIATE_TEST_SUITE_P(OfKeys, Mistake, testing::ValuesIn(kKeys));
INSTANTIATE_TEST_SUITE_P(OfRules, Mistake, testing::ValuesIn(kRules));

TEST(GuestNodes, AreOfWholePagesEach) {
  const auto loaded = load_text(
      "name: a\nnr_vcpus: 2\nmemory: {size: 4MiB, hugepages: 2MiB}\n"
      "numa: [{vcpus: 0, memory: 1MiB}, {vcpus: 1, memory: 3MiB}]\n",
      "vm.yaml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 2U) << told(loaded.problems());
  EXPECT_EQ(loaded.problems()[0].key, "numa[0].memory");
  EXPECT_EQ(loaded.problems()[0].code, "numa-memory");
}

TEST(Problems, OfAFileComeAllAtOnceInItsOrder) {
  const auto loaded = load_text(
      "name: line3\n"
      "nr_vcpus: none\n"
      "realtime:\n"
      "  polcy: fifo\n"
      "  priority: 200\n"
      "---\n"
      "name: line4\n"
      "rt: perhaps\n",
      "vm.yaml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 4U) << told(loaded.problems());
  EXPECT_EQ(to_string(loaded.problems()[0]),
            "vm.yaml:2:11: error: line3: nr_vcpus: found 'none'; allowed: a whole number 1..4096 "
            "[wrong-type]");
  EXPECT_EQ(to_string(loaded.problems()[1]),
            "vm.yaml:4:3: error: line3: realtime.polcy: there is no key 'polcy' [unknown-key]\n"
            "  hint: did you mean 'policy'?");
  EXPECT_EQ(loaded.problems()[2].key, "realtime.priority");
  EXPECT_EQ(loaded.problems()[3].vm, "line4");
}

TEST(Suggestions, KnowARightWordInTheWrongPlace) {
  const auto loaded = load_text("name: a\npriority: 2\n", "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].hint.find("did you mean '"), 0U) << loaded.problems()[0].hint;
}

TEST(Suggestions, TakeADashForAnUnderscore) {
  const auto loaded = load_text("name: a\nnr-vcpus: 2\n", "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].hint, "did you mean 'nr_vcpus'?");
}

TEST(Suggestions, ListTheKeysWhenNothingIsNear) {
  const auto loaded = load_text("name: a\nmemory: {zzzzzz: 1}\n", "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.problems()[0].message.find("size, hugepages"), std::string::npos)
      << loaded.problems()[0].message;
}

TEST(AnAlias, IsAnErrorBesideItsAnchor) {
  const auto loaded = load_text("name: &n a\ntitle: *n\n", "vm.yaml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 2U) << told(loaded.problems());
  EXPECT_EQ(loaded.problems()[1].place, (Place{"vm.yaml", 2, 8}));
}

struct Repeated {
  const char* part;
  std::size_t count;
  [[nodiscard]] std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += part;
    return all;
  }
};

void PrintTo(const Repeated& r, std::ostream* out) {
  *out << r.count << " times '" << r.part << "'";
}

class Nesting : public testing::TestWithParam<Repeated> {};

TEST_P(Nesting, IsRefusedWithoutGigabytesOrACrash) {
  const auto loaded = load_text("name: a\ntitle:\n " + GetParam().text(), "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_FALSE(loaded.problems().empty());
}

TEST_P(Nesting, IsRefusedAtTheStartToo) {
  const auto loaded = load_text(GetParam().text(), "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_FALSE(loaded.problems().empty());
}

INSTANTIATE_TEST_SUITE_P(OfAllKinds, Nesting,
                         testing::Values(Repeated{"[", 1'000'000}, Repeated{"[", 9'999},
                                         Repeated{"{", 9'999}, Repeated{"[", 40},
                                         Repeated{"- ", 200'000}, Repeated{"? ", 200'000},
                                         Repeated{"[{a: ", 4'999}, Repeated{"a: ", 60'000},
                                         Repeated{"&a ", 60'000}, Repeated{"!t ", 60'000},
                                         Repeated{"*a ", 60'000}, Repeated{"[],", 5'000},
                                         Repeated{"%YAML 1.1\n", 100'000},
                                         Repeated{"---\n", 100'000}, Repeated{"--- a\n", 50'000}));

TEST(ALongFile, OfMoreThanOneMebibyteIsRefused) {
  const auto loaded = load_text("name: a\n#" + std::string(kib(1024).count(), 'x'), "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].code, "too-large");
}

TEST(ALongFile, OfManyValuesIsRefused) {
  const auto loaded =
      load_text("name: a\npci: [" + Repeated{"a,", 30'000}.text() + "]\n", "vm.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.problems()[0].code, "too-large");
}

}  // namespace
}  // namespace kvmrt::profiles
