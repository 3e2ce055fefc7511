// SPDX-License-Identifier: MIT
// Field names are a contract: they may grow in number, never change.
#include "launcher/plan_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launcher/problem_json.h"
#include "launcher/topology_json.h"

namespace kvmrt::launcher {
namespace {

using nlohmann::ordered_json;
using namespace partition;

TEST(PlanJson, HasTheFieldsOfADryRun) {
  VmPlan plan;
  plan.name = "line3";
  plan.owned_cpus = {4, 5, 6, 7};
  plan.offline_cpus = {5, 7};
  plan.emulator_cpus = {4};
  plan.housekeeping_cpus = {0, 1};
  plan.numa_nodes = {0};
  plan.threads = {{ThreadClass::emulator, std::nullopt, "emulator", {4}, {}},
                  {ThreadClass::vcpu, 0, "vcpu0", {6}, {Policy::fifo, 1}}};
  const ordered_json json = plan_json(
      plan, {"qemu", "-S"}, {{"/proc/irq/4/smp_affinity_list", "0-7", "0-3", "why", true}},
      {{Severity::warning, "swap-on", "line3", "rt", "the host swaps", "", {"f", 3, 1}}});
  EXPECT_EQ(json["qemu_argv"], ordered_json({"qemu", "-S"}));
  EXPECT_EQ(json["threads"][0],
            ordered_json::parse(R"({"class":"emulator","index":null,"name":"emulator","cpus":"4",
                                    "policy":"other","priority":0})"));
  EXPECT_EQ(json["threads"][1],
            ordered_json::parse(R"({"class":"vcpu","index":0,"name":"vcpu0","cpus":"6",
                                    "policy":"fifo","priority":1})"));
  EXPECT_EQ(json["owned_cpus"], "4-7");
  EXPECT_EQ(json["offline_cpus"], "5,7");
  EXPECT_EQ(json["emulator_cpus"], "4");
  EXPECT_EQ(json["housekeeping_cpus"], "0-1");
  EXPECT_EQ(json["numa_nodes"], "0");
  EXPECT_EQ(json["host_changes"][0],
            ordered_json::parse(R"({"knob":"/proc/irq/4/smp_affinity_list","before":"0-7",
                                    "after":"0-3","reason":"why","disturbs":true})"));
  EXPECT_EQ(json["problems"][0],
            ordered_json::parse(R"({"severity":"warning","code":"swap-on","vm":"line3","key":"rt",
                                    "message":"the host swaps","file":"f","line":3,"column":1,
                                    "hint":""})"));
}

TEST(TopologyJson, HasACpusNodesAndASuggestion) {
  HostTopology host;
  Cpu cpu;
  cpu.id = CpuId(3);
  cpu.core = 1;
  cpu.package = 0;
  cpu.siblings = {2, 3};
  cpu.online = false;
  host.cpus = {cpu};
  TreeMarks marks;
  marks.owners[CpuId(3)] = "line3";
  const ordered_json json = topology_json(host, marks, std::nullopt);
  const ordered_json& one = json["cpus"][0];
  EXPECT_EQ(one["cpu"], 3);
  EXPECT_EQ(one["core"], 1);
  EXPECT_EQ(one["package"], 0);
  EXPECT_TRUE(one["node"].is_null());
  EXPECT_EQ(one["siblings"], "2-3");
  EXPECT_EQ(one["online"], false);
  EXPECT_EQ(one["isolated"], false);
  EXPECT_EQ(one["nohz_full"], false);
  EXPECT_EQ(one["owner"], "line3");
  EXPECT_TRUE(json["nodes"].is_array());
  EXPECT_TRUE(json["suggestion"].is_null());
}

TEST(ProblemJson, PrintsBytesThatAreNoText) {
  Problem problem;
  problem.message = "name '\xff'";
  EXPECT_NO_THROW(json_text(problem_json(problem)));
}

}  // namespace
}  // namespace kvmrt::launcher
