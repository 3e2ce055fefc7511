// SPDX-License-Identifier: MIT
#include "launcher/accelerator.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

AcceleratorFacts usable(bool hardware) {
  return {.hardware = hardware, .node_present = true, .open_error = 0, .node_mode = 0660};
}

AcceleratorFacts denied(int error) {
  return {.hardware = true, .node_present = true, .open_error = error, .node_mode = 0660};
}

TEST(AcceleratorChoice, AutoTakesKvmWithHardwareBehindItWithoutAWord) {
  const auto chosen = choose_accelerator("auto", usable(true));
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(*chosen, Accelerator::kvm);
  EXPECT_TRUE(chosen.problems().empty());
}

TEST(AcceleratorChoice, AutoEmulatesWithAWarningWhenNoHardwareIsBehindDevKvm) {
  const auto chosen = choose_accelerator("auto", usable(false));
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(*chosen, Accelerator::tcg);
  ASSERT_EQ(chosen.problems().size(), 1U);
  EXPECT_EQ(chosen.problems()[0].code, "no-kvm-hardware");
  EXPECT_EQ(chosen.problems()[0].severity, Severity::warning);
  EXPECT_EQ(chosen.problems()[0].key, "qemu.accel");
  EXPECT_NE(chosen.problems()[0].message.find("kvm_intel"), std::string::npos);
}

TEST(AcceleratorChoice, AutoEmulatesWithAWarningWhenKvmIsAbsentOrClosedToUs) {
  for (const AcceleratorFacts& facts :
       {AcceleratorFacts{.open_error = ENOENT}, denied(EACCES), denied(ENODEV)}) {
    const auto chosen = choose_accelerator("auto", facts);
    ASSERT_TRUE(chosen.ok());
    EXPECT_EQ(*chosen, Accelerator::tcg);
    EXPECT_EQ(chosen.problems().at(0).code, "no-kvm-hardware");
  }
}

TEST(AcceleratorChoice, KvmIsObeyedWithoutHardware) {
  const auto chosen = choose_accelerator("kvm", usable(false));
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(*chosen, Accelerator::kvm);
  EXPECT_TRUE(chosen.problems().empty());
}

TEST(AcceleratorChoice, KvmThatCannotBeOpenedIsAnErrorThatNamesTheMissingRight) {
  const auto chosen = choose_accelerator("kvm", denied(EACCES));
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.problems().at(0).code, "kvm-not-usable");
  EXPECT_NE(chosen.problems()[0].message.find("Permission denied"), std::string::npos);
  EXPECT_NE(chosen.problems()[0].hint.find("group"), std::string::npos);
  const auto absent = choose_accelerator("kvm", AcceleratorFacts{.open_error = ENOENT});
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.problems()[0].message.find("there is no /dev/kvm"), std::string::npos);
}

TEST(AcceleratorChoice, TcgIsObeyedWithoutAWordWhateverTheHostHas) {
  for (const AcceleratorFacts& facts : {AcceleratorFacts{}, usable(true)}) {
    const auto chosen = choose_accelerator("tcg", facts);
    ASSERT_TRUE(chosen.ok());
    EXPECT_EQ(*chosen, Accelerator::tcg);
    EXPECT_TRUE(chosen.problems().empty());
  }
}

class AcceleratorProbe : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "kvmrt-accel-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(AcceleratorProbe, FindsNothingInAnEmptyHost) {
  EXPECT_EQ(probe_accelerator(root_), (AcceleratorFacts{.open_error = ENOENT}));
}

TEST_F(AcceleratorProbe, FindsHardwareByEitherModuleAndTheNodesOwner) {
  fs::create_directories(root_ / "dev");
  std::ofstream(root_ / "dev/kvm").close();
  ASSERT_EQ(::chmod((root_ / "dev/kvm").c_str(), 0640), 0);
  AcceleratorFacts facts = probe_accelerator(root_);
  EXPECT_FALSE(facts.hardware);
  EXPECT_TRUE(facts.node_present);
  EXPECT_EQ(facts.open_error, 0);
  EXPECT_EQ(facts.node_uid, ::geteuid());
  EXPECT_EQ(facts.node_mode, 0640U);
  fs::create_directories(root_ / "sys/module/kvm_pvm");
  EXPECT_FALSE(probe_accelerator(root_).hardware);
  fs::create_directories(root_ / "sys/module/kvm_amd");
  EXPECT_TRUE(probe_accelerator(root_).hardware);
}

TEST_F(AcceleratorProbe, KnowsFromNxHugePagesWhetherKvmMakesItsRecoveryThread) {
  EXPECT_FALSE(kvm_makes_recovery_thread(root_)) << "no KVM";
  fs::create_directories(root_ / "sys/module/kvm/parameters");
  const fs::path parameter = root_ / "sys/module/kvm/parameters/nx_huge_pages";
  std::ofstream(parameter) << "N\n";
  EXPECT_TRUE(kvm_makes_recovery_thread(root_)) << "off, but may be switched on any time";
  std::ofstream(parameter) << "never\n";
  EXPECT_FALSE(kvm_makes_recovery_thread(root_));
}

TEST(AcceleratorRights, OneClassOfTheNodesModeCounts) {
  AcceleratorFacts facts{.node_present = true, .node_uid = 10, .node_gid = 20, .node_mode = 0660};
  EXPECT_TRUE(kvm_open_to(facts, 0, {}));
  EXPECT_TRUE(kvm_open_to(facts, 10, {}));
  EXPECT_TRUE(kvm_open_to(facts, 11, {5, 20}));
  EXPECT_FALSE(kvm_open_to(facts, 11, {5}));
  facts.node_mode = 0606;
  EXPECT_FALSE(kvm_open_to(facts, 11, {20})) << "the group's bits, not the others'";
  EXPECT_TRUE(kvm_open_to(facts, 11, {5}));
  EXPECT_FALSE(kvm_open_to(AcceleratorFacts{}, 0, {}));
}

}  // namespace
}  // namespace kvmrt::launcher
