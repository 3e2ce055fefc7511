// SPDX-License-Identifier: MIT
#include "profiles/import_run.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "base/file.h"
#include "profiles/import_kvmrt_cfg.h"
#include "profiles/load.h"

namespace kvmrt::profiles {
namespace {

namespace fs = std::filesystem;
using Outcome = ImportResult::Outcome;

constexpr const char* kUuid = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
constexpr const char* kOther = "5dea22b3-1d52-d8f3-2516-782e98ab3fa0";

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

std::string domain_xml(const std::string& name, const std::string& uuid,
                       const std::string& more = "") {
  return "<domain type='kvm'><name>" + name + "</name><uuid>" + uuid +
         "</uuid><memory unit='GiB'>1</memory><vcpu>2</vcpu>"
         "<cputune><vcpupin vcpu='0' cpuset='9'/><vcpupin vcpu='1' cpuset='8'/>"
         "<emulatorpin cpuset='0'/></cputune>"
         "<os><type>hvm</type></os>" +
         more + "<devices><memballoon model='none'/></devices></domain>";
}

class Import : public testing::Test {
 protected:
  Import() {
    std::string pattern = fs::temp_directory_path() / "kvmrt-import-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ / "libvirt" / "autostart");
    fs::create_directories(root_ / "run");
    request_.folder = root_ / "kvmrt";
    request_.libvirt_folder = root_ / "libvirt";
    request_.libvirt_run_folder = root_ / "run";
  }
  ~Import() override { fs::remove_all(root_); }

  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }
  std::string text_of(const std::string& name) { return read_file(root_ / "kvmrt" / name); }
  Profile profile(const std::string& name) {
    const auto loaded = load_file(root_ / "kvmrt" / name);
    if (!loaded) {
      ADD_FAILURE() << told(loaded.problems());
      return {};
    }
    return loaded->front();
  }
  void edit(const std::string& name, const std::string& from, const std::string& to) {
    std::string text = text_of(name);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, from.size(), to);
    put("kvmrt/" + name, text);
  }

  fs::path root_;
  ImportRequest request_;
};

TEST_F(Import, OfLibvirtsFolderPassesOverKnownUuids) {
  put("libvirt/line3.xml", domain_xml("line3", kUuid));
  auto results = run_import(request_);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].outcome, Outcome::created) << told(results[0].problems);
  EXPECT_EQ(results[0].file, (root_ / "kvmrt/line3.yaml").string());
  EXPECT_EQ(profile("line3.yaml").uuid, kUuid);
  EXPECT_FALSE(profile("line3.yaml").autostart);
  put("libvirt/line4.xml", domain_xml("line4", kOther));
  results = run_import(request_);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].outcome, Outcome::skipped);
  EXPECT_EQ(results[1].outcome, Outcome::created);
}

TEST_F(Import, WarnsWhenLibvirtRunsOrStartsTheVm) {
  put("libvirt/line3.xml", domain_xml("line3", kUuid));
  put("libvirt/autostart/line3.xml", "");
  put("run/line3.xml", "");
  const auto results = run_import(request_);
  ASSERT_EQ(results[0].problems.size(), 2U) << told(results[0].problems);
  EXPECT_EQ(results[0].problems[0].code, "libvirt-autostarts");
  EXPECT_EQ(results[0].problems[1].code, "libvirt-runs");
  EXPECT_TRUE(profile("line3.yaml").autostart);
}

TEST_F(Import, WithoutLibvirtSaysSo) {
  request_.libvirt_folder = root_ / "none";
  const auto results = run_import(request_);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].outcome, Outcome::failed);
  EXPECT_EQ(results[0].problems[0].code, "cannot-read");
}

TEST_F(Import, UpdatesButKeepsEditsOfRealtimeKeys) {
  request_.sources = {put("vm.xml", domain_xml("line3", kUuid))};
  run_import(request_);
  edit("line3.yaml", "\ncpuset: 8-9\n", "\ncpuset: 7-9\nrt: true\n");
  edit("line3.yaml", "size: 1GiB", "size: 3GiB");
  put("vm.xml", domain_xml("line3", kUuid, "<title>new</title>"));
  request_.update = true;
  const auto results = run_import(request_);
  EXPECT_EQ(results[0].outcome, Outcome::updated) << told(results[0].problems);
  const Profile vm = profile("line3.yaml");
  EXPECT_EQ(vm.title, "new");
  EXPECT_EQ(vm.cpuset.set, CpuSet::range(7, 9));
  EXPECT_TRUE(vm.rt);
  EXPECT_EQ(vm.memory.size, gib(1));
}

TEST_F(Import, UpdatesRealtimeKeysThatNobodyEdited) {
  request_.sources = {put("vm.xml", domain_xml("line3", kUuid))};
  run_import(request_);
  std::string xml = domain_xml("line3", kUuid);
  xml.replace(xml.find("cpuset='9'"), 10, "cpuset='7'");
  put("vm.xml", xml);
  request_.update = true;
  run_import(request_);
  EXPECT_EQ(profile("line3.yaml").cpuset.set, (CpuSet{0, 7, 8}));
}

TEST_F(Import, TwiceWithoutAChangeLeavesTheFileAlone) {
  request_.sources = {put("vm.xml", domain_xml("line3", kUuid))};
  run_import(request_);
  const std::string before = text_of("line3.yaml");
  request_.update = true;
  EXPECT_EQ(run_import(request_)[0].outcome, Outcome::unchanged);
  EXPECT_EQ(text_of("line3.yaml"), before);
}

TEST_F(Import, NeverOverwritesAProfileThatSomeoneWrote) {
  fs::create_directories(root_ / "kvmrt");
  put("kvmrt/line3.yaml", "name: line3\n");
  request_.sources = {put("vm.xml", domain_xml("line3", kUuid))};
  request_.update = true;
  const auto results = run_import(request_);
  EXPECT_EQ(results[0].outcome, Outcome::failed);
  EXPECT_EQ(results[0].problems.back().code, "duplicate-name");
  EXPECT_EQ(text_of("line3.yaml"), "name: line3\n");
}

TEST_F(Import, OfADryRunWritesNothing) {
  request_.sources = {put("vm.xml", domain_xml("line3", kUuid))};
  request_.dry_run = true;
  EXPECT_EQ(run_import(request_)[0].outcome, Outcome::created);
  EXPECT_FALSE(fs::exists(root_ / "kvmrt"));
}

TEST_F(Import, PutsAProfileThatDoesNotLoadAside) {
  request_.sources = {
      put("vm.xml", domain_xml("line3", kUuid,
                               "<iothreads>1</iothreads><memoryBacking><hugepages><page size='1' "
                               "unit='GiB'/></hugepages></memoryBacking>"))};
  std::string xml = read_file(request_.sources[0]);
  xml.replace(xml.find("unit='GiB'>1<"), 13, "unit='MiB'>100<");
  put("vm.xml", xml);
  const auto results = run_import(request_);
  EXPECT_EQ(results[0].outcome, Outcome::failed);
  EXPECT_TRUE(fs::exists(root_ / "kvmrt/line3.yaml.rejected"));
  EXPECT_TRUE(load_folder(root_ / "kvmrt"));
}

TEST_F(Import, JoinsKvmrtCfgWithItsXmlAndTheCfgWins) {
  put("libvirt/line3.xml", domain_xml("line3", kUuid));
  request_.sources = {put("kvmrt.cfg", std::string("# KVM-RT\n[") + kUuid +
                                           "]\nname = line3\ntitle = Line: 3 # it\n"
                                           "cpuset = 4-6\nrt = Yes\nnr_vcpus = 2\n")};
  const auto results = run_import(request_);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].outcome, Outcome::created) << told(results[0].problems);
  const Profile vm = profile("line3.yaml");
  EXPECT_TRUE(vm.rt);
  EXPECT_TRUE(vm.autostart);
  EXPECT_EQ(vm.cpuset.set, CpuSet::range(4, 6));
  EXPECT_TRUE(vm.realtime.pin.empty());
  EXPECT_EQ(vm.realtime.emulator.where, partition::EmulatorRequest::Where::rule);
  EXPECT_EQ(vm.title, "Line: 3 # it");
  EXPECT_EQ(vm.memory.size, gib(1));
  bool is_told = false;
  for (const NotCarried& left : results[0].not_carried)
    is_told = is_told || left.path == "/domain/cputune";
  EXPECT_TRUE(is_told);
}

TEST_F(Import, ReportsASectionWithoutItsXml) {
  request_.sources = {put("kvmrt.cfg", std::string("[") + kUuid + "]\nname = a\n")};
  const auto results = run_import(request_);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].outcome, Outcome::failed);
  EXPECT_EQ(results[0].problems[0].code, "missing-xml");
  EXPECT_EQ(results[0].problems[0].place.line, 2);
}

TEST_F(Import, RefusesTwoSourcesWithOneUuid) {
  request_.sources = {put("a.xml", domain_xml("a", kUuid)), put("b.xml", domain_xml("b", kUuid))};
  const auto results = run_import(request_);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].problems.back().code, "duplicate-uuid");
}

TEST_F(Import, RunInReverseRenewsWhatChangedAndTellsWhatVanished) {
  request_.sources = {put("a.xml", domain_xml("a", kUuid)), put("b.xml", domain_xml("b", kOther))};
  run_import(request_);
  put("a.xml", domain_xml("a", kUuid, "<title>changed</title>"));
  fs::remove(root_ / "b.xml");
  const auto results = reimport(request_);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].problems.at(0).code, "source-vanished");
  EXPECT_EQ(results[0].file, (root_ / "kvmrt/b.yaml").string());
  EXPECT_EQ(results[1].outcome, Outcome::updated);
  EXPECT_EQ(profile("a.yaml").title, "changed");
}

TEST_F(Import, RunInReverseMakesNoNewProfiles) {
  put("libvirt/a.xml", domain_xml("a", kUuid));
  put("libvirt/b.xml", domain_xml("b", kOther));
  const std::string cfg = put("kvmrt.cfg", std::string("[") + kUuid + "]\nrt = no\n");
  request_.sources = {cfg};
  run_import(request_);
  put("kvmrt.cfg",
      std::string("[") + kUuid + "]\nrt = no\ncpuset = 2\n[" + kOther + "]\nrt = no\n");
  reimport(request_);
  EXPECT_EQ(profile("a.yaml").cpuset.set, CpuSet{2});
  EXPECT_FALSE(fs::exists(root_ / "kvmrt/b.yaml"));
}

struct Bad {
  const char* what;
  std::string text;
  const char* code;
  int line;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.what; }

class BadCfg : public testing::TestWithParam<Bad> {};

TEST_P(BadCfg, IsToldWithItsLine) {
  const Cfg cfg = read_kvmrt_cfg(GetParam().text, "kvmrt.cfg");
  ASSERT_EQ(cfg.problems.size(), 1U) << told(cfg.problems);
  EXPECT_EQ(cfg.problems[0].code, GetParam().code);
  EXPECT_EQ(cfg.problems[0].place.line, GetParam().line);
}

const std::string kSection = std::string("[") + kUuid + "]\n";

INSTANTIATE_TEST_SUITE_P(
    OfAllKinds, BadCfg,
    testing::Values(
        Bad{"no section", "name = a\n", "bad-section", 1},
        Bad{"section", "[vm]\nname = a\nrt = on\n", "bad-section", 2},
        Bad{"attribute", kSection + "\n; c\nname = a\nmemory = 1\n", "unknown-key", 5},
        Bad{"twice", kSection + "name = a\nname = b\n", "duplicate-key", 3},
        Bad{"section twice",
            kSection + "name = a\n[" + kOther + "]\nname = b\n" + kSection + "rt = on\n",
            "duplicate-uuid", 6},
        Bad{"rubbish", kSection + "name\n", "ini-syntax", 2},
        Bad{"long", kSection + "title = " + std::string(300, 'x') + "\n", "ini-syntax", 2},
        Bad{"nul", kSection + std::string("title = a\0b\n", 12), "bad-encoding", 2},
        Bad{"latin1", kSection + "title = \xe9\n", "bad-encoding", 2}));

TEST(ACfg, MayContinueALine) {
  const Cfg cfg = read_kvmrt_cfg(kSection + "description = one\n  two\nrt = on\n", "kvmrt.cfg");
  ASSERT_TRUE(cfg.problems.empty()) << told(cfg.problems);
  EXPECT_EQ(cfg.sections.at(0).attributes.find("description")->text, "one\ntwo");
  EXPECT_EQ(cfg.sections.at(0).attributes.find("rt")->place.line, 4);
}

}  // namespace
}  // namespace kvmrt::profiles
