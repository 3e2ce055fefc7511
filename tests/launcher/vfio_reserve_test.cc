// SPDX-License-Identifier: MIT
#include "launcher/vfio_reserve.h"

#include <gtest/gtest.h>

namespace kvmrt::launcher {
namespace {

profiles::Profile vm(const std::string& name, std::vector<std::string> devices) {
  profiles::Profile profile;
  profile.name = name;
  profile.pci = std::move(devices);
  return profile;
}

TEST(ReserveRule, WithoutDevicesThereIsNoRule) {
  EXPECT_EQ(reserve_rule({}), "");
  EXPECT_EQ(reserve_rule({vm("plain", {})}), "");
}

TEST(ReserveRule, EachDeviceIsBoundToVfioWhenTheKernelFindsIt) {
  const std::string text = reserve_rule({vm("line3", {"0000:03:00.0"})});
  EXPECT_NE(text.find("# line3\n"
                      "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"0000:03:00.0\", "
                      "ATTR{driver_override}=\"vfio-pci\", RUN+=\"/sbin/modprobe vfio-pci\"\n"),
            std::string::npos)
      << text;
}

TEST(ReserveRule, TheOrderOfProfilesAndTheCaseOfDigitsMakeNoDifference) {
  const auto a = vm("a", {"0000:0A:00.0", "0000:03:00.1"});
  const auto b = vm("b", {"0000:0a:00.0"});
  EXPECT_EQ(reserve_rule({a, b}), reserve_rule({b, a}));
  const std::string text = reserve_rule({a, b});
  EXPECT_NE(text.find("# a, b\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("0A"), std::string::npos) << text;
  EXPECT_LT(text.find("0000:03:00.1"), text.find("0000:0a:00.0"));
}

}  // namespace
}  // namespace kvmrt::launcher
