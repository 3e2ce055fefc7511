// SPDX-License-Identifier: MIT
#include "profiles/load.h"

#include <gtest/gtest.h>

namespace kvmrt::profiles {
namespace {

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

Profile one(const std::string& text, const Overrides& overrides = {}) {
  const auto loaded = load_text(text, "vm.yaml", overrides);
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
  EXPECT_FALSE(profile.cpuset.is_set());
  EXPECT_TRUE(profile.numatune.is_auto());
  EXPECT_TRUE(profile.autostart);
  EXPECT_EQ(profile.uuid, uuid_of("line3"));
}

}  // namespace
}  // namespace kvmrt::profiles
