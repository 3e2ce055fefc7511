// SPDX-License-Identifier: MIT
// Every rule that only warns: a plan that breaks it, and a near miss that does not.
#include <gtest/gtest.h>
#include <set>

#include "base/file.h"
#include "partition/rules.h"
#include "tests/partition/rules_cases.h"
#include "tests/paths.h"

namespace kvmrt::partition {
namespace {

TEST(Rules, OfPlacement) {
  expect_rows({
      {"rt-cpuset-spans-nodes",
       [](Case& c) {
         c.vm.cpuset.set = {4, 5, 12};
       },
       [](Case& c) {
         c.vm.cpuset.set = {12, 13, 14};
       }},
      {"rt-first-core rt-without-nohz-full",
       [](Case& c) {
         c.vm.cpuset.set = {8, 9, 12};
       },
       [](Case& c) {
         c.vm.cpuset.set = {9, 12, 13};
       }},
      {"rt-surplus-cpus",
       [](Case& c) {
         c.vm.cpuset.set = {3, 4, 5, 6};
       },
       [](Case& c) {
         c.vm.cpuset.set = {3, 4, 5};
       }},
      {"rt-without-nohz-full", [](Case& c) { c.input.topology.cpus[6].nohz_full = false; },
       [](Case& c) { c.input.topology.cpus[4].nohz_full = false; }},  // the emulator's
      {"rt-numatune", [](Case& c) { c.vm.numatune = {}; },
       [](Case& c) { c.vm.numatune = Choice<NodeSet>::of({0}); }},
      {"rt-numatune",
       [](Case& c) {
         c.vm.numatune = Choice<NodeSet>::of({0, 1});
       },
       nullptr},
      {"isolated-multi-cpu-mask",
       [](Case& c) {
         c.vm = request_for("vm", {4, 5, 6}, false);
         c.input.topology.cpus[5].isolated = true;
       },
       [](Case& c) {
         c.vm = request_for("vm", {4, 5}, false);
         c.input.topology.cpus[5].isolated = true;
       }},
  });
}

TEST(Rules, OfGuests) {
  expect_rows({
      {"hide-kvm", [](Case& c) { c.vm.hide_kvm = true; }, nullptr},
      {"rt-without-kvm", [](Case& c) { c.vm.kvm = false; },
       [](Case& c) {
         c.vm = request_for("vm", {4}, false);
         c.vm.kvm = false;
       }},
      {"priority-above-irq-threads priority-not-below-kthreads",
       [](Case& c) { c.vm.realtime.priority = 50; }, [](Case& c) { c.vm.realtime.priority = 1; }},
      {"windows-topology",
       [](Case& c) {
         c.vm.guest_os = "windows";
         c.vm.guest_sockets = 2;
       },
       [](Case& c) { c.vm.guest_os = "windows"; }},
      {"guest-isolates-nothing",
       [](Case& c) {
         c.vm.guest_realtime = c.vm.guest_cmdline_known = true;
         c.vm.guest_cmdline = "console=ttyS0 myisolcpus=1";
       },
       [](Case& c) {
         c.vm.guest_realtime = c.vm.guest_cmdline_known = true;
         c.vm.guest_cmdline = "console=ttyS0 isolcpus=1";
       }},
      {"rt-slow-device", [](Case& c) { c.vm.disk_without_iothread = true; },
       [](Case& c) {
         c.vm = request_for("vm", {4}, false);
         c.vm.disk_without_iothread = true;
       }},
      {"rt-slow-device", [](Case& c) { c.vm.user_network = true; }, nullptr},
      {"rt-slow-device", [](Case& c) { c.vm.vnc = true; }, nullptr},
      {"rt-slow-device", [](Case& c) { c.vm.sound = true; }, nullptr},
  });
}

TEST(Rules, OfTheRunningHost) {
  expect_rows({
      {"host-kernel-not-rt", [](Case& c) { c.input.facts->kernel_rt = false; },
       [](Case& c) { c.input.facts->kernel_rt.reset(); }},
      {"clocksource-not-tsc", [](Case& c) { c.input.facts->clocksource = "hpet"; },
       [](Case& c) { c.input.facts->clocksource.reset(); }},
      {"swap-on", [](Case& c) { c.input.facts->swap_on = true; }, nullptr},
      {"frequency-not-fixed",
       [](Case& c) {
         c.input.facts->varying_frequency = CpuSet{5};
         c.input.policy.power.governor = "";
       },
       [](Case& c) { c.input.facts->varying_frequency = CpuSet{5}; }},  // the plan fixes it
      {"priority-not-below-kthreads", [](Case& c) { c.vm.realtime.priority = 2; },
       [](Case& c) {
         c.vm.realtime.priority = 2;
         c.input.policy.kthread_priorities.ksoftirqd = 3;
       }},
      {"managed-irq-on-rt-cpu",
       [](Case& c) {
         c.input.facts->managed_irqs = {{25, "nvme0q5", {5}}};
       },
       [](Case& c) {
         c.input.facts->managed_irqs = {{25, "nvme0q5", {7}}};
       }},
  });
}

TEST(Rules, SayNothingOfAHostThatIsNotThere) {
  Case made = good_case();
  made.input.facts.reset();
  made.vm.realtime.priority = 20;
  made.vm.pci = {"0000:09:00.0"};
  EXPECT_EQ(codes(made), "");
}

TEST(Rules, HaveUniqueKebabCaseCodesAndHelp) {
  std::set<std::string_view> seen;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(seen.insert(rule.code).second) << rule.code;
    EXPECT_EQ(rule.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    EXPECT_TRUE(rule.help.ends_with(".")) << rule.code;
  }
}

TEST(Rules, HaveATestEach) {
  const std::string folder = std::string(KVMRT_SOURCE_DIR) + "/tests/partition/";
  const std::string tests =
      read_file(folder + "rules_test.cc") + read_file(folder + "rules_advice_test.cc");
  for (const Rule& rule : rules())
    EXPECT_NE(tests.find(std::string(rule.code)), std::string::npos) << rule.code;
}

TEST(Rules, NameAKeyAndTheVmInEveryProblem) {
  Case made = good_case();
  made.vm.cpuset.set = {8, 12, 99};
  made.vm.hide_kvm = true;
  for (const Problem& problem : plan(made.input, made.vm).problems) {
    EXPECT_EQ(problem.vm, "vm");
    EXPECT_FALSE(problem.key.empty()) << problem.code;
    EXPECT_FALSE(problem.message.empty()) << problem.code;
  }
}

}  // namespace
}  // namespace kvmrt::partition
