// SPDX-License-Identifier: MIT
#include "profiles/host_file.h"

#include <gtest/gtest.h>

namespace kvmrt::profiles {
namespace {

using partition::ConflictRule;
using partition::CpuSet;
using partition::HostPolicy;

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

TEST(HostFile, ThatIsAbsentOrEmptyGivesTheDefaults) {
  for (const auto& loaded :
       {load_host_file("/nonexistent/host.yaml"), load_host_text("# nothing\n", "host.yaml")}) {
    ASSERT_TRUE(loaded) << told(loaded.problems());
    EXPECT_FALSE(loaded->housekeeping);
    EXPECT_EQ(loaded->kthread_priorities.rcuc, 4);
    EXPECT_FALSE(loaded->kthread_priorities_named);
    EXPECT_EQ(loaded->power.latency_us, 2);
  }
}

TEST(HostFile, TakesEveryKeyOfTheSpecification) {
  const auto loaded = load_host_text(
      "housekeeping: 0-1\n"
      "irqs: {eth0: 0, 24: \"1\", \"0000:03:00.0\": 0-1}\n"
      "siblings: at-boot\n"
      "disturb: refuse\n"
      "kthread_priorities: {rcuc: 6, kworker: 5}\n"
      "throttling: off\n"
      "power: {governor: schedutil, latency_us: keep}\n"
      "services: [{unit: ovs.service, cpus: 2-3, priority: 5}]\n"
      "on_conflict: {irqbalance: refuse}\n",
      "host.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  EXPECT_EQ(loaded->housekeeping, CpuSet::range(0, 1));
  EXPECT_EQ(loaded->irqs.at("24"), CpuSet{1});
  EXPECT_EQ(loaded->irqs.at("0000:03:00.0"), CpuSet::range(0, 1));
  EXPECT_EQ(loaded->siblings, partition::SiblingRule::at_boot);
  EXPECT_EQ(loaded->disturb, partition::DisturbRule::refuse);
  EXPECT_EQ(loaded->kthread_priorities.rcuc, 6);
  EXPECT_EQ(loaded->kthread_priorities.ktimers, 3);
  EXPECT_TRUE(loaded->kthread_priorities_named);
  EXPECT_EQ(loaded->throttling, partition::Throttling::off);
  EXPECT_FALSE(loaded->power.latency_us);
  EXPECT_EQ(loaded->services.at(0).cpus, CpuSet::range(2, 3));
  EXPECT_EQ(loaded->on_conflict.at("irqbalance"), ConflictRule::refuse);
  EXPECT_EQ(loaded->on_conflict.at("tuned"), ConflictRule::refuse);
  EXPECT_EQ(loaded->places.at("irqs.24"), (Place{"host.yaml", 2, 21}));
}

struct Case {
  const char* text;
  const char* code;
  const char* key;
  int line;
  int column;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class HostMistake : public testing::TestWithParam<Case> {};

TEST_P(HostMistake, IsToldWithItsPlace) {
  const Case& c = GetParam();
  const auto loaded = load_host_text(c.text, "host.yaml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.problems().size(), 1U) << told(loaded.problems());
  EXPECT_EQ(loaded.problems()[0].code, c.code);
  EXPECT_EQ(loaded.problems()[0].key, c.key);
  EXPECT_EQ(loaded.problems()[0].place, (Place{"host.yaml", c.line, c.column}));
}

INSTANTIATE_TEST_SUITE_P(
    OfTheHostFile, HostMistake,
    testing::Values(
        Case{"house: 0\n", "unknown-key", "house", 1, 1},
        Case{"irqs: {eth0: x}\n", "wrong-type", "irqs.eth0", 1, 14},
        Case{"siblings: never\n", "out-of-range", "siblings", 1, 11},
        Case{"on_conflict: {systemd: warn}\n", "unknown-key", "on_conflict.systemd", 1, 24},
        Case{"on_conflict: {tuned: kill}\n", "out-of-range", "on_conflict", 1, 22},
        Case{"kthread_priorities: {rcuc: 100}\n", "out-of-range", "kthread_priorities.rcuc", 1, 28},
        Case{"services: [{unit: a}]\n", "missing-key", "services[0].cpus", 1, 12},
        Case{"housekeeping: 0\nservices: [{unit: a, cpus: 0-1}]\n", "service-on-housekeeping",
             "services[0].cpus", 2, 28},
        Case{"- a\n", "wrong-type", "", 1, 1},
        Case{"disturb: warn\n---\ndisturb: warn\n", "yaml-syntax", "", 3, 1}));

}  // namespace
}  // namespace kvmrt::profiles
