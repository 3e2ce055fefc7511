// SPDX-License-Identifier: MIT
#include "partition/suggest.h"

#include <gtest/gtest.h>

#include "partition/explain.h"
#include "partition/probe.h"
#include "tests/partition/hosts.h"

namespace kvmrt::partition {
namespace {

TEST(Suggest, ProposesWholeCoresOfOneNodeWithReasons) {
  PlanningInput input;
  input.topology = topology_from("pack:2 [numa] core:10 pu:2").value();
  const auto suggestion = suggest(input, 2);
  ASSERT_TRUE(suggestion.ok());
  EXPECT_EQ(suggestion->plan.cpuset, (CpuSet{34, 36, 38}));
  EXPECT_EQ(suggestion->plan.emulator_cpus, CpuSet{34});
  EXPECT_EQ(suggestion->plan.offline_cpus, (CpuSet{35, 37, 39}));
  EXPECT_GE(suggestion->reasons.size(), 4U);
}

TEST(Suggest, KeepsAwayFromRunningAndConfiguredVms) {
  PlanningInput input;
  input.topology = make_host({.cores = 8});
  input.configured = {request_for("other", {7}, false)};
  EXPECT_EQ(suggest(input, 2)->plan.cpuset, (CpuSet{4, 5, 6}));
}

TEST(Suggest, SaysWhyThereIsNoRoom) {
  PlanningInput input;
  input.topology = make_host({.cores = 2});
  const auto suggestion = suggest(input, 1);
  ASSERT_FALSE(suggestion.ok());
  ASSERT_EQ(suggestion.problems().size(), 1U);
  EXPECT_EQ(suggestion.problems()[0].code, "auto-no-room");
}

TEST(ExplainTopology, PrintsATreeOfNodesCoresAndCpus) {
  HostTopology host = make_host({.packages = 2, .cores = 1, .threads = 2});
  host.cpus[1].isolated = host.cpus[1].nohz_full = true;
  host.cpus[3].online = false;
  host.nodes.push_back({NodeId(2), {}, gib(64), gib(64), {}});
  host.devices = {{"0000:03:00.0", NodeId(1), {2, 3}, "igb", 3}};
  TreeMarks marks;
  marks.housekeeping = {0};
  marks.owners = {{CpuId(2), "line3"}, {CpuId(3), "line3"}};
  EXPECT_EQ(explain_topology(host, marks),
            "NUMA Node 0:\n"
            "    Core 0:    [Socket 0]\n"
            "        CPU 0    housekeeping\n"
            "        CPU 1    isolated, nohz_full\n"
            "    Last-level cache of CPUs 0-1\n"
            "NUMA Node 1:\n"
            "    Core 1:    [Socket 1]\n"
            "        CPU 2    VM line3\n"
            "        CPU 3    offline, VM line3\n"
            "    Last-level cache of CPUs 2-3\n"
            "    Device 0000:03:00.0 (igb)\n"
            "NUMA Node 2:\n"
            "    Memory only\n");
}

TEST(ExplainPlan, PrintsAThreadTable) {
  PlanningInput input;
  input.topology = make_host({.cores = 8});
  const std::string text = explain_plan(plan(input, request_for("vm", {4, 5}, true)).plan);
  EXPECT_NE(text.find("  thread    CPUs  policy  priority\n"
                      "  emulator  4     other\n"
                      "  vcpu0     5     fifo    1\n"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace kvmrt::partition
