// SPDX-License-Identifier: MIT
// Single checks: the traps of the kernel's files, and how a verdict comes about.
#include <gtest/gtest.h>
#include <set>

#include "partition/checks/check.h"
#include "partition/checks/facts.h"
#include "partition/checks/sample.h"
#include "tests/checks/snapshot_host.h"

namespace kvmrt::partition::checks {
namespace {

const VmRequest& line3() {
  static const VmRequest request = rt_request(CpuSet{4, 5, 6});
  return request;
}

TEST(Catalogue, HasEveryIdOfEverySectionOnceAndInOrder) {
  const std::vector<std::pair<char, int>> sections{{'H', 15}, {'K', 6},  {'C', 23}, {'S', 9},
                                                   {'I', 9},  {'R', 16}, {'P', 5},  {'M', 10},
                                                   {'V', 12}, {'D', 14}};
  std::vector<std::string> wanted, found;
  for (const auto& [letter, count] : sections) {
    for (int i = 1; i <= count; ++i) wanted.push_back(letter + std::to_string(i));
  }
  for (const Check& check : catalogue()) found.emplace_back(check.id);
  EXPECT_EQ(found, wanted);
}

TEST(Catalogue, GivesEveryCheckATitleAndAReason) {
  std::set<std::string_view> titles;
  for (const Check& check : catalogue()) {
    EXPECT_FALSE(check.title.empty()) << check.id;
    EXPECT_FALSE(check.why.empty()) << check.id;
    EXPECT_TRUE(titles.insert(check.title).second) << check.id;
  }
}

TEST(Results, OfAnEmptyHostAreNeverWrong) {
  const SnapshotHost host = host_of("");
  const Wanted wanted = wanted_of(host, {}, "/etc/kvmrt");
  for (const Result& result : run_checks(host, wanted))
    EXPECT_FALSE(result.status == Status::failed && result.found.empty()) << result.id;
}

TEST(Results, TellAFixWithEveryFailureAndWarning) {
  for (const char* name : {"untuned-intel", "virtual-machine", "amd", "no-cgroup-v2"}) {
    const SnapshotHost host = captured(name);
    for (const Result& result : run_checks(host, wanted_of(host, {}, "/etc/kvmrt"))) {
      if (result.status == Status::failed || result.status == Status::warning) {
        EXPECT_FALSE(result.fix.empty()) << name << " " << result.id;
        EXPECT_FALSE(result.wanted.empty()) << name << " " << result.id;
      }
      EXPECT_FALSE(result.found.empty()) << name << " " << result.id;
    }
  }
}

TEST(Verdict, IsTheWorstOfWhatIsKnown) {
  std::vector<Result> results(3);
  results[1].status = Status::unknown;
  results[2].status = Status::not_applicable;
  EXPECT_EQ(verdict_of(results), Status::ok);
  results[0].status = Status::warning;
  EXPECT_EQ(verdict_of(results), Status::warning);
  results[2].status = Status::failed;
  EXPECT_EQ(verdict_of(results), Status::failed);
}

TEST(FixLines, CarryTheCpusOfTheVm) {
  const SnapshotHost host = captured("hybrid");
  const Wanted wanted = wanted_for(host, rt_request(CpuSet{9, 10, 11}));
  EXPECT_EQ(result_of(host, wanted, "C1").fix, "kernel command line: nohz_full=9-11");
  EXPECT_EQ(result_of(host, wanted, "C5").fix, "kernel command line: irqaffinity=0-8");
  EXPECT_EQ(result_of(host, wanted, "I1").status, Status::ok);
}

TEST(FixLines, UseModprobeForAModuleAndTheCommandLineForABuiltInKvm) {
  const SnapshotHost module = captured("untuned-intel");
  const SnapshotHost builtin = captured("amd");
  EXPECT_EQ(result_of(module, wanted_of(module, {}, ""), "V8").fix,
            "/etc/modprobe.d/kvmrt.conf: options kvm_intel ple_gap=0");
  EXPECT_EQ(result_of(builtin, wanted_of(builtin, {}, ""), "V8").fix,
            "kernel command line: kvm_amd.pause_filter_count=0");
}

TEST(NohzFull, ReadsTheKernelsNullAsTheEmptySet) {
  const SnapshotHost host = captured("no-cgroup-v2");
  EXPECT_EQ(nohz_full(host), CpuSet{});
  EXPECT_EQ(status_of(host, wanted_for(host, rt_request(CpuSet{2, 3}, 1)), "C1"), Status::warning);
}

TEST(BootParameters, UnderstandQuotesFlagsLastCpuAndDashes) {
  const SnapshotHost host = host_of(
      "/proc/cmdline: quiet foo=\"a b=c\" isolcpus=managed_irq,domain,1,6-N kvm-amd.avic=1 "
      "quiet=2 -- nosmt\n/sys/devices/system/cpu/possible: 0-7\n");
  EXPECT_EQ(boot_cpus(host, "isolcpus"), (CpuSet{1, 6, 7}));
  EXPECT_EQ(boot_parameter(host, "foo"), "a b=c");
  EXPECT_EQ(boot_parameter(host, "kvm_amd.avic"), "1");
  EXPECT_EQ(boot_parameter(host, "quiet"), "2");
  EXPECT_FALSE(boot_parameter(host, "b"));
  EXPECT_FALSE(boot_parameter(host, "nosmt"));
}

TEST(KernelVersion, ReadsReleasesOfManyDistributions) {
  const auto version = [](const std::string& release) {
    const KernelVersion v =
        kernel_version(host_of("/proc/sys/kernel/osrelease: " + release + "\n"));
    return std::pair(v.major, v.minor);
  };
  EXPECT_EQ(version("6.1.0-31-rt-amd64"), std::pair(6, 1));
  EXPECT_EQ(version("5.14.0-503.el9.x86_64+rt"), std::pair(5, 14));
  EXPECT_EQ(version("6.12"), std::pair(6, 12));
  EXPECT_EQ(version("7.0-rc1"), std::pair(7, 0));
  EXPECT_EQ(version("odd"), std::pair(0, 0));
}

TEST(RealTimeKernel, IsRequiredOnlyWhereAnRtVmShallRun) {
  const SnapshotHost host = captured("untuned-intel");
  EXPECT_EQ(status_of(host, wanted_for(host, line3()), "K1"), Status::failed);
  EXPECT_EQ(status_of(host, wanted_of(host, {}, ""), "K1"), Status::warning);
}

TEST(Siblings, ThatCannotGoOfflineFail) {
  const SnapshotHost host =
      captured("untuned-intel", {{"/sys/devices/system/cpu/cpu6/online", "<ENOENT>"}});
  const Wanted wanted = wanted_for(host, rt_request(CpuSet{1, 2, 3}));
  EXPECT_EQ(wanted.siblings, (CpuSet{5, 6, 7}));
  const Result result = result_of(host, wanted, "S6");
  EXPECT_EQ(result.status, Status::failed);
  EXPECT_EQ(result.found, "CPU 6 is online and cannot go offline");
}

TEST(SettingsMadeAtStart, WarnBeforeAndFailWhileTheVmRuns) {
  const SnapshotHost host = captured("untuned-intel");
  Wanted wanted = wanted_for(host, rt_request(CpuSet{1, 2, 3}));
  for (const char* id : {"S4", "S6", "I1"}) {
    EXPECT_EQ(status_of(host, wanted, id), Status::warning) << id;
    EXPECT_TRUE(result_of(host, wanted, id).at_start) << id;
  }
  wanted.running = true;
  for (const char* id : {"S4", "S6", "I1"}) {
    EXPECT_EQ(status_of(host, wanted, id), Status::failed) << id;
    EXPECT_FALSE(result_of(host, wanted, id).at_start) << id;
  }
}

TEST(ForeignTasks, AreNotTheThreadsOfTheVmItself) {
  const SnapshotHost host =
      captured("tuned-intel", {{"/kvmrt/tasks", "900 900 4194304 1 1 5 CPU 0/KVM"}});
  std::vector<WantedVm> vms{planned(host, line3())};
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "S4"), Status::warning);
  vms[0].qemu = Pid(900);
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "S4"), Status::ok);
}

TEST(ManagedInterrupts, AloneOnlyWarn) {
  const SnapshotHost host = captured("hybrid");
  Wanted wanted = wanted_for(host, rt_request(CpuSet{4, 6, 8}));
  wanted.running = true;
  const Result result = result_of(host, wanted, "I1");
  EXPECT_EQ(result.status, Status::warning);
  EXPECT_EQ(result.fix, "kernel command line: isolcpus=managed_irq,domain,4,6,8");
}

TEST(Partitions, FailWhenOursIsInvalidAndWarnForStrangers) {
  const std::string invalid = "isolated invalid (Cpu list in cpuset.cpus not exclusive)";
  const SnapshotHost ours =
      captured("tuned-intel", {{"/sys/fs/cgroup/kvmrt-line3/cpuset.cpus.partition", invalid}});
  EXPECT_EQ(status_of(ours, wanted_for(ours, line3()), "S2"), Status::failed);
  EXPECT_EQ(result_of(ours, wanted_for(ours, line3()), "S2").found, "kvmrt-line3: " + invalid);
  const SnapshotHost theirs = captured("untuned-intel");
  EXPECT_EQ(status_of(theirs, wanted_of(theirs, {}, ""), "S2"), Status::warning);
}

TEST(Throttling, IsFatalOnlyWhenItTakesMoreThanTheDefault) {
  const auto with = [](const char* runtime) {
    const SnapshotHost host =
        captured("redhawk", {{"/proc/sys/kernel/sched_rt_runtime_us", runtime}});
    return status_of(host, wanted_for(host, rt_request(CpuSet{10, 11, 12})), "R5");
  };
  EXPECT_EQ(with("-1"), Status::ok);
  EXPECT_EQ(with("950000"), Status::warning);
  EXPECT_EQ(with("500000"), Status::failed);
  EXPECT_EQ(with("<EACCES>"), Status::unknown);
}

TEST(NxHugePages, KnowsAllItsValues) {
  const auto with = [](const char* value) {
    const SnapshotHost host =
        captured("tuned-intel", {{"/sys/module/kvm/parameters/nx_huge_pages", value}});
    return status_of(host, wanted_for(host, line3()), "V2");
  };
  for (const char* value : {"N", "0", "off", "never"}) EXPECT_EQ(with(value), Status::ok) << value;
  for (const char* value : {"Y", "1", "auto", "force"})
    EXPECT_EQ(with(value), Status::warning) << value;
}

TEST(Memory, IsCountedForAllVmsOfANodeTogether) {
  const SnapshotHost host = captured("tuned-intel");
  VmRequest request = line3();
  request.hugepages = gib(1);
  request.memory = gib(5);
  std::vector<WantedVm> vms{planned(host, request)};
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "M1"), Status::ok);
  vms.push_back(vms[0]);
  vms[1].request.name = "line4";
  const Result both = result_of(host, wanted_of(host, vms, ""), "M1");
  EXPECT_EQ(both.status, Status::failed);
  EXPECT_EQ(both.wanted, "10240 MiB in 1GiB pages on node 0 for line3, line4");
  vms[1].qemu = Pid(77);  // it has its memory already
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "M1"), Status::ok);
}

TEST(LockedMemory, OfARunningVmMustReachItsSize) {
  const SnapshotHost host =
      host_of("/proc/77/status:\n  VmLck:\t 1048576 kB\n  HugetlbPages:\t 1048576 kB\n");
  VmRequest request = line3();
  request.memory = gib(2);
  std::vector<WantedVm> vms{{request, VmPlan{}, 0, Pid(77)}};
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "M10"), Status::ok);
  vms[0].request.memory = gib(3);
  EXPECT_EQ(status_of(host, wanted_of(host, vms, ""), "M10"), Status::failed);
}

TEST(PassedThroughDevices, NeedAnIommu) {
  const SnapshotHost host = captured("redhawk");
  VmRequest request = rt_request(CpuSet{10, 11, 12});
  request.pci = {"0000:b1:00.0"};
  const Wanted wanted = wanted_for(host, request);
  EXPECT_EQ(result_of(host, wanted, "H9").fix.substr(0, 53),
            "kernel command line: intel_iommu=on iommu=pt (and VT-");
  EXPECT_EQ(status_of(host, wanted, "H9"), Status::failed);
  EXPECT_EQ(result_of(host, wanted, "C23").fix,
            "kernel command line: vfio-pci.addrns=0000:b1:00.0");
}

TEST(Irqbalance, BansIsolatedCpusByItselfAndThoseOfItsFile) {
  const std::map<std::string, std::string> running{{"/kvmrt/tasks", "7 7 0 0 0 0-3 irqbalance"}};
  const SnapshotHost isolated = captured("tuned-intel", running);
  EXPECT_EQ(status_of(isolated, wanted_for(isolated, line3()), "I5"), Status::ok);
  const SnapshotHost bare = captured("hybrid", running);
  const VmRequest request = rt_request(CpuSet{9, 10, 11});
  EXPECT_EQ(status_of(bare, wanted_for(bare, request), "I5"), Status::failed);
  auto with_file = running;
  with_file["/etc/default/irqbalance"] = "IRQBALANCE_BANNED_CPULIST=\"8-11\"";
  const SnapshotHost banned = captured("hybrid", with_file);
  EXPECT_EQ(status_of(banned, wanted_for(banned, request), "I5"), Status::ok);
}

TEST(Sample, CountsInterruptsByCpuAndSource) {
  const SnapshotHost host = captured("tuned-intel");
  const auto deltas = interrupt_deltas(host).value();
  EXPECT_EQ(deltas.at(CpuId(5)).at("LOC"), 7);
  EXPECT_EQ(deltas.at(CpuId(0)).at("RES"), 200);
  const SnapshotHost noisy = captured("tuned-intel", {{"/kvmrt/sample/seconds", "2"}});
  const Result result = result_of(noisy, wanted_for(noisy, line3()), "I4");
  EXPECT_EQ(result.status, Status::warning);
  EXPECT_EQ(result.found, "in 2 s: CPU 4 LOC: 7, CPU 5 LOC: 7, CPU 6 LOC: 7");
}

TEST(Tasks, AreReadFromProcWhereNoTableIs) {
  const SnapshotHost host = host_of(
      "/proc/42/task/43/stat: 43 (odd) name (x) S 1 42 42 0 -1 69238848 0 0 0 0 0 0 0 0 -2 0 1 0 "
      "100 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 17 3 50 1 0 0 0\n"
      "/proc/42/task/43/status:\n  Name:\tx\n  Cpus_allowed_list:\t3-4\n");
  const auto all = tasks(host);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "odd) name (x");
  EXPECT_EQ(all[0].pid, Pid(42));
  EXPECT_EQ(all[0].cpus, (CpuSet{3, 4}));
  EXPECT_EQ(all[0].priority, 50);
  EXPECT_TRUE(all[0].is_real_time());
  EXPECT_TRUE(all[0].is_kernel_thread());
  EXPECT_FALSE(all[0].is_movable());
}

TEST(GeneralJudgement, TakesTheLowestSiblingOfEachIsolatedCore) {
  const SnapshotHost host =
      captured("untuned-intel", {{"/sys/devices/system/cpu/isolated", "2-3,6-7"}});
  const Wanted wanted = wanted_of(host, {}, "/etc/kvmrt");
  EXPECT_EQ(wanted.rt_cpus, (CpuSet{2, 3}));
  EXPECT_EQ(wanted.siblings, (CpuSet{6, 7}));
  EXPECT_EQ(wanted.housekeeping, (CpuSet{0, 1, 4, 5}));
}

}  // namespace
}  // namespace kvmrt::partition::checks
