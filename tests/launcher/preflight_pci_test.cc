// SPDX-License-Identifier: MIT
#include "launcher/preflight_pci.h"

#include <fstream>
#include <gtest/gtest.h>

#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

/// A sysfs with devices of one IOMMU group.
class Devices {
 public:
  void add(const std::string& address, const std::string& code, const std::string& driver) const {
    const fs::path device = folder_.path() / "sys/bus/pci/devices" / address;
    fs::create_directories(device);
    std::ofstream(device / "class") << code << "\n";
    std::ofstream(device / "vendor") << "0x8086\n";
    fs::create_directories(folder_.path() / "sys/kernel/iommu_groups/7/devices" / address);
    fs::create_symlink("../../../../kernel/iommu_groups/7", device / "iommu_group");
    if (!driver.empty()) fs::create_symlink("../../drivers/" + driver, device / "driver");
  }
  [[nodiscard]] fs::path root() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

profiles::Profile with(std::vector<std::string> devices) {
  profiles::Profile profile;
  profile.pci = std::move(devices);
  return profile;
}

TEST(PciProblems, AGroupGoesAsAWhole) {
  const Devices host;
  host.add("0000:03:00.0", "0x020000", "igb");
  host.add("0000:03:00.1", "0x040300", "snd_hda_intel");
  host.add("0000:03:00.2", "0x0c0330", "vfio-pci");
  host.add("0000:03:00.3", "0x0c0330", "");
  host.add("0000:02:00.0", "0x060400", "pcieport");
  const auto one = with({"0000:03:00.0"});
  const auto facts = probe_pci(one, host.root());
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].group, 7);
  EXPECT_EQ(facts[0].others, (std::vector<GroupMember>{{"0000:03:00.1", "snd_hda_intel"}}));
  const Problems problems = pci_problems(one, facts, "");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, "pci-group-incomplete");
  EXPECT_EQ(problems[0].key, "pci[0]");
  EXPECT_NE(problems[0].message.find("0000:03:00.1 (driver snd_hda_intel)"), std::string::npos);
  const auto both = with({"0000:03:00.0", "0000:03:00.1"});
  EXPECT_TRUE(pci_problems(both, probe_pci(both, host.root()), "").empty());
}

TEST(PciProblems, GraphicsThatABootParameterKeepsFromTheIommuAreRefused) {
  const Devices host;
  host.add("0000:00:02.0", "0x030000", "i915");
  const auto vm = with({"0000:00:02.0"});
  const auto facts = probe_pci(vm, host.root());
  EXPECT_TRUE(pci_problems(vm, facts, "intel_iommu=on").empty());
  const Problems problems = pci_problems(vm, facts, "quiet intel_iommu=on,igfx_off");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, "pci-excluded-from-iommu");
}

TEST(PciProblems, OfADeviceThatIsNotThereAreThePlanners) {
  const Devices host;
  EXPECT_TRUE(probe_pci(with({"0000:09:00.0"}), host.root()).empty());
}

}  // namespace
}  // namespace kvmrt::launcher
