// SPDX-License-Identifier: MIT
// Captured hosts against their expected verdicts. With KVMRT_UPDATE_GOLDEN=1 the expectations are
// written anew, to be read in the diff.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "partition/checks/report.h"
#include "tests/checks/snapshot_host.h"
#include "tests/paths.h"

namespace kvmrt::partition::checks {
namespace {

struct Case {
  const char* host;
  const char* cpuset;  ///< of the RT VM; nullptr: judged in general
};

VmRequest request_for(const Case& test) {
  VmRequest request = rt_request(CpuSet::from_list(test.cpuset).value());
  request.memory = gib(2);
  if (std::string(test.host) == "tuned-intel") {
    request.hugepages = gib(1);
    request.pci = {"0000:17:00.0"};
  }
  return request;
}

nlohmann::ordered_json statuses_of(const std::vector<Result>& results) {
  nlohmann::ordered_json all;
  all["verdict"] = to_string(verdict_of(results));
  for (const Result& result : results)
    all["checks"][result.id] = std::string(to_string(result.status)) +
                               (result.at_start ? " (set at start)" : "") + ": " + result.found;
  return all;
}

class CapturedHost : public testing::TestWithParam<Case> {};

TEST_P(CapturedHost, IsJudgedAsExpected) {
  const SnapshotHost host = captured(GetParam().host);
  const bool general = GetParam().cpuset == nullptr;
  const Wanted wanted =
      general ? wanted_of(host, {}, "/etc/kvmrt") : wanted_for(host, request_for(GetParam()));
  const std::string found = statuses_of(run_checks(host, wanted)).dump(1) + "\n";
  const std::string path =
      std::string(KVMRT_SOURCE_DIR) + "/tests/hosts/captured/" + GetParam().host + ".expected.json";
  if (std::getenv("KVMRT_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << found;
  EXPECT_EQ(found, read_file(path));
}

std::string name_of(const testing::TestParamInfo<Case>& test) {
  std::string name = test.param.host;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Hosts, CapturedHost,
                         testing::Values(Case{"virtual-machine", nullptr},
                                         Case{"tuned-intel", "4-6"}, Case{"untuned-intel", "0-2"},
                                         Case{"amd", "12-14"}, Case{"redhawk", "10-12"},
                                         Case{"no-cgroup-v2", "2-3"}, Case{"hybrid", "6-8"}),
                         name_of);

}  // namespace
}  // namespace kvmrt::partition::checks
