// SPDX-License-Identifier: MIT
// A plan that breaks no rule, and a table of changes that break one each.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/partition/hosts.h"

namespace kvmrt::partition {

/// A host of 2 nodes with 8 CPUs each and no SMT, an RT VM on 4-6 that breaks no rule but that
/// nohz_full covers its CPUs, and facts of a good host.
struct Case {
  PlanningInput input;
  VmRequest vm;
};

inline HostFacts good_facts() {
  HostFacts facts;
  facts.kernel_rt = true;
  facts.clocksource = "tsc";
  facts.swap_on = false;
  facts.varying_frequency = CpuSet{};
  facts.boot_parameters = "quiet";
  return facts;
}

inline Case good_case() {
  Case made;
  made.input.topology = make_host({.packages = 2, .cores = 8});
  for (const int id : {4, 5, 6, 12, 13, 14})
    made.input.topology.cpus[static_cast<std::size_t>(id)].nohz_full = true;
  made.input.facts = good_facts();
  made.input.topology.devices = {{"0000:03:00.0", NodeId(0), CpuSet::range(0, 7), "igb", 7}};
  made.vm = request_for("vm", {4, 5, 6}, true);
  made.vm.nr_vcpus = 2;
  made.vm.rt_vcpus = {0, 1};
  return made;
}

inline VmRequest neighbour(const CpuSet& cpuset, bool rt) {
  return request_for("other", cpuset, rt);
}

inline Lease running(const Case& beside, const VmRequest& request) {
  PlanningInput alone;
  alone.topology = beside.input.topology;
  return lease_of(request, plan(alone, request).plan);
}

inline std::string codes(const Case& made) { return codes_of(plan(made.input, made.vm).problems); }

inline std::string all_codes(const Case& made) {
  PlanningInput input = made.input;
  input.configured.push_back(made.vm);
  return codes_of(plan_all(input).problems);
}

struct Row {
  std::string codes;  ///< all that the first change brings
  std::function<void(Case&)> breaks;
  std::function<void(Case&)> near_miss;  ///< brings nothing
};

inline void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    Case broken = good_case();
    row.breaks(broken);
    EXPECT_EQ(codes(broken), row.codes);
    Case fine = good_case();
    if (row.near_miss) row.near_miss(fine);
    EXPECT_EQ(codes(fine), "") << "near miss of " << row.codes;
  }
}

}  // namespace kvmrt::partition
