// SPDX-License-Identifier: MIT
#include "partition/checks/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/checks/snapshot_host.h"

namespace kvmrt::partition::checks {
namespace {

std::vector<Result> untuned() {
  const SnapshotHost host = captured("untuned-intel");
  return run_checks(host, wanted_for(host, rt_request(CpuSet{1, 2, 3})));
}

TEST(JsonReport, HasTheContractsFieldsAndNoOthersMissing) {
  const auto whole = nlohmann::json::parse(as_json(untuned()));
  EXPECT_EQ(whole.at("verdict"), "failed");
  ASSERT_EQ(whole.at("checks").size(), catalogue().size());
  for (const auto& check : whole.at("checks")) {
    for (const char* field : {"id", "title", "status", "found", "wanted", "why", "fix"})
      EXPECT_TRUE(check.at(field).is_string()) << check;
  }
}

TEST(JsonReport, FailsForAVmThatCannotRunHere) {
  Problem problem;
  problem.code = "cpu-absent";
  problem.vm = "line3";
  const auto whole = nlohmann::json::parse(as_json({}, {problem}));
  EXPECT_EQ(whole.at("verdict"), "failed");
  EXPECT_EQ(whole.at("problems").at(0).at("code"), "cpu-absent");
}

TEST(TableReport, StaysWithinItsWidth) {
  for (const std::size_t width : {80U, 100U}) {
    TableStyle style;
    style.all = true;
    style.width = width;
    const std::string text = as_table(untuned(), {}, style);
    for (const std::string_view line : lines_of(text)) {
      const bool one_word = line.find(' ', line.find_first_not_of(' ')) == std::string_view::npos;
      EXPECT_TRUE(line.size() <= width + 2 || one_word) << line;
    }
  }
}

TEST(TableReport, ShowsWhatIsWrongAndCountsTheRest) {
  const std::string text = as_table(untuned(), {}, {});
  EXPECT_EQ(text.find("  H1 "), std::string::npos);
  EXPECT_NE(text.find("  H5   failed "), std::string::npos);
  EXPECT_NE(text.find("Verdict: failed\n119 checks: "), std::string::npos);
  EXPECT_NE(text.find("kvmrt-launch settles these warnings itself at start: C14, S4"),
            std::string::npos);
  TableStyle all;
  all.all = true;
  EXPECT_NE(as_table(untuned(), {}, all).find("  H1   ok "), std::string::npos);
}

TEST(TableReport, GathersFixesByThePlaceWhereTheyBelong) {
  const std::string text = as_table(untuned(), {}, {});
  const auto boot = text.find("  Kernel command line (GRUB_CMDLINE_LINUX");
  ASSERT_NE(boot, std::string::npos);
  EXPECT_LT(boot, text.find("nohz_full=1-3"));
  EXPECT_LT(text.find("  /etc/sysctl.d/90-kvmrt.conf\n"), text.find("kernel.numa_balancing = 0"));
  EXPECT_EQ(text.find("kernel.numa_balancing = 0"), text.rfind("kernel.numa_balancing = 0"));
}

TEST(TableReport, HasColoursOnlyWhenAsked) {
  EXPECT_EQ(as_table(untuned(), {}, {}).find('\x1b'), std::string::npos);
  TableStyle style;
  style.colour = true;
  EXPECT_NE(as_table(untuned(), {}, style).find("\x1b[31mfailed"), std::string::npos);
}

}  // namespace
}  // namespace kvmrt::partition::checks
