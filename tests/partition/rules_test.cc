// SPDX-License-Identifier: MIT
// Every rule that refuses, and those about other VMs: a plan that breaks it, and a near miss that
// does not.
#include "partition/rules.h"

#include <gtest/gtest.h>

#include "tests/partition/rules_cases.h"

namespace kvmrt::partition {
namespace {

TEST(Rules, FindNothingInAGoodCase) { EXPECT_EQ(codes(good_case()), ""); }

TEST(Rules, OfRequests) {
  expect_rows({
      {"rt-too-few-cpus",
       [](Case& c) {
         c.vm.nr_vcpus = 3;
         c.vm.rt_vcpus = {0, 1, 2};
       },
       [](Case& c) {
         c.vm.nr_vcpus = 3;
         c.vm.rt_vcpus = {0, 1, 2};
         c.vm.emulator.where = EmulatorRequest::Where::housekeeping;
       }},
      {"rt-no-cpuset", [](Case& c) { c.vm.cpuset = {}; },
       [](Case& c) {
         c.vm.cpuset = {};
         c.vm.rt = false;
       }},
      {"rt-memory-off", [](Case& c) { c.vm.rt_memory = false; },
       [](Case& c) {
         c.vm.rt_memory = false;
         c.vm.rt = false;
       }},
      {"vcpu-unknown",
       [](Case& c) {
         c.vm.rt_vcpus = {0, 2};
       },
       [](Case& c) { c.vm.rt_vcpus = {1}; }},
      {"pin-unusable",
       [](Case& c) {
         c.vm.pin = {{0, CpuId(9)}};
       },
       [](Case& c) {
         c.vm.pin = {{0, CpuId(6)}};
       }},
      {"pin-conflict rt-surplus-cpus",
       [](Case& c) {
         c.vm.cpuset.set = {4, 5, 6, 12};
         c.vm.pin = {{0, CpuId(5)}, {1, CpuId(5)}};
         c.input.topology.cpus[12].node = NodeId(0);
       },
       [](Case& c) {
         c.vm.pin = {{0, CpuId(6)}, {1, CpuId(5)}};
       }},
      {"emulator-shares-rt-cpu",
       [](Case& c) {
         c.vm.pin = {{0, CpuId(4)}};
       },
       nullptr},
      {"iothread-outside-cpuset",
       [](Case& c) {
         c.vm.iothreads = {{"io", CpuSet{3}, {}}};
       },
       [](Case& c) {
         c.vm.iothreads = {{"io", CpuSet{4}, {}}};
       }},
  });
}

TEST(Rules, OfCpusAndNodes) {
  expect_rows({
      {"cpu-unknown",
       [](Case& c) {
         c.vm.emulator.where = EmulatorRequest::Where::explicit_set;
         c.vm.emulator.cpus = {16};
         c.vm.cpuset.set = {5, 6};
       },
       [](Case& c) {
         c.vm.emulator.where = EmulatorRequest::Where::explicit_set;
         c.vm.emulator.cpus = {1};
         c.vm.cpuset.set = {5, 6};
       }},
      {"cpu-offline", [](Case& c) { c.input.topology.cpus[5].online = false; },
       [](Case& c) {
         c.input.topology.cpus[5].online = false;
         c.input.taken_offline = {5};
       }},
      {"cpu-not-allowed",
       [](Case& c) {
         c.input.allowed = CpuSet{0, 4, 5};
       },
       [](Case& c) {
         c.input.allowed = CpuSet{0, 4, 5, 6};
       }},
      {"node-unknown not-enough-memory rt-numatune",
       [](Case& c) { c.vm.numatune = Choice<NodeSet>::of({2}); },
       [](Case& c) { c.vm.numatune = Choice<NodeSet>::of({0}); }},
      {"node-without-memory not-enough-memory rt-numatune",
       [](Case& c) {
         c.vm.numatune = Choice<NodeSet>::of({1});
         c.input.topology.nodes[1].memory = c.input.topology.nodes[1].free_memory = Bytes(0);
       },
       [](Case& c) {
         c.input.topology.nodes[1].memory = c.input.topology.nodes[1].free_memory = Bytes(0);
       }},
      {"not-enough-memory", [](Case& c) { c.vm.memory = gib(17); },
       [](Case& c) { c.vm.memory = gib(16); }},
      {"not-enough-hugepages",
       [](Case& c) {
         c.vm.hugepages = gib(1);
         c.input.topology.nodes[1].hugepages[gib(1)] = {4, 4};
       },
       [](Case& c) {
         c.vm.hugepages = gib(1);
         c.input.topology.nodes[0].hugepages[gib(1)] = {4, 1};
       }},
      {"rt-on-housekeeping", [](Case& c) { c.input.policy.housekeeping = CpuSet::range(0, 4); },
       [](Case& c) { c.input.policy.housekeeping = CpuSet::range(0, 3); }},
      {"auto-no-room",
       [](Case& c) {
         c.vm.cpuset = Choice<CpuSet>::automatic();
         c.input.policy.housekeeping = CpuSet::range(0, 13);
       },
       [](Case& c) {
         c.vm.cpuset = Choice<CpuSet>::automatic();
         c.input.policy.housekeeping = CpuSet::range(0, 3);
       }},
      {"service-cpuset-overlap",
       [](Case& c) {
         c.input.policy.services = {{"ovs.service", {6, 7}, 2}};
       },
       [](Case& c) {
         c.input.policy.services = {{"ovs.service", {7}, 2}};
       }},
  });
}

TEST(Rules, OfSiblings) {
  const auto smt = [](Case& c) {
    c.input.topology = make_host({.packages = 2, .cores = 4, .threads = 2});
    for (Cpu& cpu : c.input.topology.cpus) cpu.nohz_full = true;
    c.input.topology.devices.clear();
  };
  expect_rows({
      {"sibling-cannot-go-offline rt-first-core",
       [&](Case& c) {
         smt(c);
         c.vm.cpuset.set = {1, 2, 3, 4, 5};
         c.input.policy.housekeeping = std::nullopt;
       },
       nullptr},
      {"siblings-go-offline",
       [&](Case& c) {
         smt(c);
         c.vm.cpuset.set = {2, 4, 6};
       },
       [&](Case& c) {
         smt(c);
         c.vm.cpuset.set = CpuSet::range(2, 7);
       }},
      {"rt-shared-core",
       [&](Case& c) {
         smt(c);
         c.vm.cpuset.set = {2, 4, 5};
         c.input.policy.siblings = SiblingRule::leave;
       },
       [&](Case& c) {
         smt(c);
         c.vm.cpuset.set = {2, 4, 6};
         c.input.policy.siblings = SiblingRule::leave;
       }},
  });
}

TEST(Rules, OfOtherVms) {
  expect_rows({
      {"rt-cpuset-overlap rt-node-shared",
       [](Case& c) {
         c.input.configured = {neighbour({6, 7}, false)};
       },
       [](Case& c) {
         c.input.configured = {neighbour({9, 10}, false)};
       }},
      {"rt-node-shared",
       [](Case& c) {
         c.input.configured = {neighbour({2, 3}, true)};
       },
       [](Case& c) {
         c.input.configured = {neighbour({10, 11}, true)};
       }},
      {"graphics-beside-rt",
       [](Case& c) {
         c.input.configured = {neighbour({9}, false)};
         c.input.configured[0].emulated_graphics = true;
       },
       [](Case& c) { c.input.configured = {neighbour({9}, false)}; }},
  });
}

TEST(Rules, OverlapWithARunningVmIsAnErrorWithAConfiguredOneAWarningAtLaunch) {
  Case made = good_case();
  made.input.configured = {neighbour({6, 7}, true)};
  EXPECT_TRUE(plan(made.input, made.vm).ok());
  made.input.running = {running(made, made.input.configured[0])};
  made.input.configured.clear();
  const PlanResult refused = plan(made.input, made.vm);
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(refused.problems.front().code, "rt-cpuset-overlap");
  EXPECT_EQ(refused.problems.front().message, "CPU 6 belongs to running RT VM 'other' too");
}

TEST(Rules, OverlapIsAnErrorWhenAllProfilesAreValidatedAndToldOnce) {
  Case made = good_case();
  made.input.configured = {neighbour({6, 7}, false)};
  EXPECT_EQ(all_codes(made), "rt-cpuset-overlap rt-node-shared");
  PlanningInput input = made.input;
  input.configured.push_back(made.vm);
  EXPECT_TRUE(has_error(plan_all(input).problems));
}

TEST(Rules, TwoVmsThatAreNotRtMayShareCpus) {
  Case made = good_case();
  made.vm.rt = made.vm.rt_memory = false;
  made.input.configured = {neighbour({5, 6}, false)};
  EXPECT_EQ(all_codes(made), "");
}

TEST(Rules, TheVmsOwnLeaseAndProfileAreNoConflict) {
  Case made = good_case();
  made.input.running = {running(made, made.vm)};
  made.input.configured = {made.vm};
  EXPECT_EQ(codes(made), "");
}

TEST(Rules, SiblingsOfAnotherRtVmBelongToItToo) {
  Case made = good_case();
  made.input.topology = make_host({.cores = 8, .threads = 2});
  made.vm = request_for("vm", {5}, false);
  made.input.running = {running(made, neighbour({2, 4}, true))};
  EXPECT_TRUE(has_code(plan(made.input, made.vm).problems, "rt-cpuset-overlap"));
  made.vm.cpuset.set = {6};
  EXPECT_FALSE(has_code(plan(made.input, made.vm).problems, "rt-cpuset-overlap"));
}

TEST(Rules, NamesAndUuidsAreUnique) {
  Case made = good_case();
  VmRequest twin = neighbour({9, 10}, false);
  twin.name = "vm";
  made.input.configured = {twin};
  EXPECT_NE(all_codes(made).find("duplicate-name"), std::string::npos);
  twin.name = "other";
  twin.uuid = made.vm.uuid;
  made.input.configured = {twin};
  EXPECT_EQ(all_codes(made), "duplicate-uuid");
  made.input.configured[0].uuid = "uuid-of-other";
  EXPECT_EQ(all_codes(made), "");
}

TEST(Rules, RtVmsLeaveACpuToTheHost) {
  Case made = good_case();
  made.input.topology = make_host({.cores = 4});
  made.vm.cpuset.set = {1, 2, 3};
  EXPECT_FALSE(has_code(plan(made.input, made.vm).problems, "no-housekeeping-cpu"));
  made.vm.cpuset.set = {0, 1, 2, 3};
  EXPECT_FALSE(plan(made.input, made.vm).ok());
  made.vm.cpuset.set = {1, 2, 3};
  made.input.topology.cpus[0].isolated = true;  // isolated at boot is not the host's either
  EXPECT_TRUE(has_code(plan(made.input, made.vm).problems, "no-housekeeping-cpu"));
  made.input.topology.cpus[0].isolated = false;
  VmRequest other = neighbour({0}, true);
  other.emulator.where = EmulatorRequest::Where::housekeeping;
  made.input.configured = {other};
  EXPECT_TRUE(plan(made.input, made.vm).ok());
  EXPECT_TRUE(has_code(plan(made.input, made.vm).problems, "no-housekeeping-cpu"));
  EXPECT_NE(all_codes(made).find("no-housekeeping-cpu"), std::string::npos);
}

TEST(Rules, VmsTogetherDoNotLockMoreThanTheNodesHave) {
  Case made = good_case();
  made.vm.memory = gib(9);
  VmRequest other = neighbour({2, 3}, true);
  other.memory = gib(8);
  made.input.configured = {other};
  EXPECT_NE(all_codes(made).find("not-enough-memory"), std::string::npos);
  made.input.configured[0].memory = gib(7);
  EXPECT_EQ(all_codes(made).find("not-enough-memory"), std::string::npos);
}

TEST(Rules, OfDevices) {
  const auto wants = [](Case& c) { c.vm.pci = {"0000:03:00.0"}; };
  expect_rows({
      {"pci-device-unknown", [](Case& c) { c.vm.pci = {"0000:04:00.0"}; },
       [](Case& c) {
         c.vm.pci = {"0000:04:00.0"};
         c.input.facts.reset();
       }},
      {"pci-no-iommu-group",
       [&](Case& c) {
         wants(c);
         c.input.topology.devices[0].iommu_group = -1;
       },
       wants},
      {"pci-remote-node",
       [&](Case& c) {
         wants(c);
         c.input.topology.devices[0].node = NodeId(1);
       },
       [&](Case& c) {
         wants(c);
         c.input.topology.devices[0].node = NodeId(-1);
       }},
      {"pci-device-in-use",
       [&](Case& c) {
         wants(c);
         c.input.facts->busy_devices = {"0000:03:00.0"};
       },
       [&](Case& c) {
         wants(c);
         c.input.facts->busy_devices = {"0000:03:00.1"};
       }},
      {"pci-device-in-use",
       [&](Case& c) {
         wants(c);
         c.input.configured = {neighbour({9}, false)};
         c.input.configured[0].pci = c.vm.pci;
       },
       nullptr},
      {"pci-excluded-from-iommu",
       [&](Case& c) {
         wants(c);
         c.input.facts->boot_parameters = "quiet intel_iommu=off";
       },
       [&](Case& c) {
         wants(c);
         c.input.facts->boot_parameters = "intel_iommu=on vfio-pci.addrns=1";
       }},
      {"pci-excluded-from-iommu",
       [&](Case& c) {
         wants(c);
         c.input.facts->boot_parameters = "vfio-pci.addrns=03:00.0";
       },
       nullptr},
  });
}
}  // namespace
}  // namespace kvmrt::partition
