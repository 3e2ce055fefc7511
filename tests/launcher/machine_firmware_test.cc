// SPDX-License-Identifier: MIT
#include "launcher/machine_firmware.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

class Firmware : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "kvmrt-uefi-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "usr/share/OVMF");
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
};

TEST_F(Firmware, IsTakenInPairsOnly) {
  EXPECT_FALSE(find_uefi(root_));
  put("usr/share/OVMF/OVMF_CODE_4M.fd", "code4");
  put("usr/share/OVMF/OVMF_CODE.fd", "code");
  put("usr/share/OVMF/OVMF_VARS.fd", "vars");
  ASSERT_TRUE(find_uefi(root_));
  EXPECT_EQ(find_uefi(root_)->code, root_ / "usr/share/OVMF/OVMF_CODE.fd");
  put("usr/share/OVMF/OVMF_VARS_4M.fd", "vars4");
  EXPECT_EQ(find_uefi(root_)->store_template, root_ / "usr/share/OVMF/OVMF_VARS_4M.fd");
}

TEST_F(Firmware, StoreIsMadeOnceAndThenKept) {
  put("code", "code");
  put("template", "empty");
  const UefiFirmware firmware{root_ / "code", root_ / "template"};
  const fs::path store = root_ / "lib/kvmrt/line3.uefi-vars";
  make_variable_store(firmware, store);
  EXPECT_EQ(read_file(store), "empty");
  struct stat status {};
  ASSERT_EQ(::stat(store.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  std::ofstream(store) << "BOOT0";
  make_variable_store(firmware, store);
  EXPECT_EQ(read_file(store), "BOOT0");
}

TEST_F(Firmware, StoreOfOtherFirmwareIsNotUsed) {
  put("template", "another size");
  put("store", "old");
  EXPECT_THROW(make_variable_store({root_ / "code", root_ / "template"}, root_ / "store"),
               SystemError);
  EXPECT_EQ(read_file(root_ / "store"), "old");
}

}  // namespace
}  // namespace kvmrt::launcher
