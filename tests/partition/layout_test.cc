// SPDX-License-Identifier: MIT
#include "partition/layout.h"

#include <gtest/gtest.h>

#include "tests/partition/hosts.h"

namespace kvmrt::partition {
namespace {

VmRequest vm(int nr_vcpus, const CpuSet& cpuset, bool rt) {
  VmRequest request = request_for("vm", cpuset, rt);
  request.nr_vcpus = nr_vcpus;
  request.rt_vcpus.clear();
  for (int i = 0; i < nr_vcpus; ++i) request.rt_vcpus.push_back(i);
  return request;
}

/// "emulator=4 vcpu0=5 vcpu1=6"
std::string table(const Layout& layout) {
  std::string text;
  for (const ThreadPlan& thread : layout.threads)
    text += (text.empty() ? "" : " ") + thread.name + "=" + thread.cpus.list();
  return text;
}

std::string biased(int nr_vcpus, const CpuSet& cpuset) {
  Findings findings("vm");
  const Layout layout = lay_out_biased(vm(nr_vcpus, cpuset, false), cpuset, {0}, findings);
  EXPECT_TRUE(findings.take().empty());
  return table(layout);
}

TEST(BiasedLayout, GivesTheFirstCpuToTheEmulatorAndTheRestRoundRobin) {
  EXPECT_EQ(biased(2, {4, 5, 6}), "emulator=4 vcpu0=5 vcpu1=6");
  EXPECT_EQ(biased(2, {4, 5, 6, 7, 9}), "emulator=4 vcpu0=5,7 vcpu1=6,9");
  EXPECT_EQ(biased(2, {4, 5, 6, 7}), "emulator=4 vcpu0=5,7 vcpu1=6");
  EXPECT_EQ(biased(5, {4, 5, 6}), "emulator=4 vcpu0=5 vcpu1=6 vcpu2=5 vcpu3=6 vcpu4=5");
  EXPECT_EQ(biased(1, {4, 5, 6}), "emulator=4 vcpu0=5-6");
  EXPECT_EQ(biased(2, {4, 5}), "emulator=4 vcpu0=5 vcpu1=5");
}

TEST(BiasedLayout, PutsEverythingOnTheOnlyCpu) {
  EXPECT_EQ(biased(2, {7}), "emulator=7 vcpu0=7 vcpu1=7");
}

TEST(BiasedLayout, BiasesNothingWithoutACpuset) {
  EXPECT_EQ(biased(2, {}), "emulator= vcpu0= vcpu1=");
}

TEST(BiasedLayout, UsesTheWholeCpusetForVcpusWhenTheEmulatorLivesElsewhere) {
  VmRequest request = vm(2, {4, 5}, false);
  request.emulator.where = EmulatorRequest::Where::explicit_set;
  request.emulator.cpus = {1};
  Findings findings("vm");
  EXPECT_EQ(table(lay_out_biased(request, {4, 5}, {0, 1}, findings)), "emulator=1 vcpu0=4 vcpu1=5");
  request.emulator.where = EmulatorRequest::Where::housekeeping;
  EXPECT_EQ(table(lay_out_biased(request, {4, 5}, {0, 1}, findings)),
            "emulator=0-1 vcpu0=4 vcpu1=5");
}

TEST(BiasedLayout, LetsAPinReplaceTheRule) {
  VmRequest request = vm(2, {4, 5, 6}, false);
  request.pin = {{1, CpuId(4)}};
  Findings findings("vm");
  EXPECT_EQ(table(lay_out_biased(request, {4, 5, 6}, {0}, findings)), "emulator=4 vcpu0=5 vcpu1=4");
  EXPECT_TRUE(findings.take().empty());
}

std::string rt_codes(const VmRequest& request, const CpuSet& usable) {
  Findings findings("vm");
  lay_out_rt(request, usable, {0}, findings);
  std::string codes;
  for (const Problem& problem : findings.take()) codes += problem.code + " ";
  return codes;
}

TEST(RtLayout, GivesEachVcpuOneCpuAndCountsTheSurplus) {
  Findings findings("vm");
  const Layout layout = lay_out_rt(vm(2, {4, 5, 6, 7}, true), {4, 5, 6, 7}, {0}, findings);
  EXPECT_EQ(table(layout), "emulator=4 vcpu0=5 vcpu1=6");
  EXPECT_EQ(layout.surplus, CpuSet{7});
  EXPECT_TRUE(findings.take().empty());
}

TEST(RtLayout, RefusesFewerCpusThanThreadsNeed) {
  EXPECT_EQ(rt_codes(vm(2, {4, 5}, true), {4, 5}), "rt-too-few-cpus ");
  EXPECT_EQ(rt_codes(vm(1, {1}, true), {1}), "rt-too-few-cpus ");
  EXPECT_EQ(rt_codes(vm(1, {1, 2}, true), {1, 2}), "");
}

TEST(RtLayout, SpendsNoCpuOnAnEmulatorOnHousekeepingCpus) {
  VmRequest request = vm(1, {1}, true);
  request.emulator.where = EmulatorRequest::Where::housekeeping;
  Findings findings("vm");
  const Layout layout = lay_out_rt(request, {1}, {0}, findings);
  EXPECT_EQ(table(layout), "emulator=0 vcpu0=1");
  EXPECT_EQ(layout.emulator_cpus, CpuSet{0});
  EXPECT_TRUE(findings.take().empty());
}

TEST(RtLayout, GivesPolicyToRealTimeVcpusOnly) {
  VmRequest request = vm(3, {4, 5, 6, 7}, true);
  request.rt_vcpus = {1, 2};
  request.realtime = {Policy::rr, 3};
  request.emulator.scheduling = {Policy::fifo, 2};
  Findings findings("vm");
  const Layout layout = lay_out_rt(request, {4, 5, 6, 7}, {0}, findings);
  EXPECT_EQ(table(layout), "emulator=4 vcpu0=5 vcpu1=6 vcpu2=7");
  EXPECT_EQ(layout.threads[0].scheduling, (Scheduling{Policy::fifo, 2}));
  EXPECT_EQ(layout.threads[1].scheduling, (Scheduling{Policy::other, 0}));
  EXPECT_EQ(layout.threads[2].scheduling, (Scheduling{Policy::rr, 3}));
  EXPECT_EQ(layout.threads[3].scheduling, (Scheduling{Policy::rr, 3}));
}

TEST(RtLayout, KeepsIothreadsOffTheCpusOfVcpus) {
  VmRequest request = vm(2, {4, 5, 6, 7}, true);
  request.iothreads = {{"io0", CpuSet{5}, {}}, {"io1", std::nullopt, {Policy::fifo, 1}}};
  Findings findings("vm");
  const Layout layout = lay_out_rt(request, {4, 5, 6, 7}, {0}, findings);
  EXPECT_EQ(table(layout), "emulator=4 vcpu0=6 vcpu1=7 io0=5 io1=4");
  EXPECT_EQ(rt_codes(request, {4, 5, 6}), "rt-too-few-cpus ");
  request.iothreads[0].cpus = CpuSet{2};
  EXPECT_EQ(rt_codes(request, {4, 5, 6, 7}), "iothread-outside-cpuset ");
}

TEST(RtLayout, HonoursPinsAndFillsTheOthersAroundThem) {
  VmRequest request = vm(3, {4, 5, 6, 7}, true);
  request.pin = {{0, CpuId(6)}};
  Findings findings("vm");
  EXPECT_EQ(table(lay_out_rt(request, {4, 5, 6, 7}, {0}, findings)),
            "emulator=4 vcpu0=6 vcpu1=5 vcpu2=7");
}

TEST(RtLayout, RefusesPinsThatCannotHold) {
  VmRequest request = vm(2, {4, 5, 6, 7}, true);
  request.pin = {{0, CpuId(4)}};
  EXPECT_EQ(rt_codes(request, {4, 5, 6, 7}), "emulator-shares-rt-cpu ");
  request.pin = {{0, CpuId(9)}};
  EXPECT_EQ(rt_codes(request, {4, 5, 6, 7}), "pin-unusable ");
  request.pin = {{0, CpuId(5)}, {1, CpuId(5)}};
  EXPECT_EQ(rt_codes(request, {4, 5, 6, 7}), "pin-conflict ");
  request.pin = {{2, CpuId(5)}};
  EXPECT_EQ(rt_codes(request, {4, 5, 6, 7}), "vcpu-unknown ");
}

TEST(ShareCores, OwnsAllSiblingsAndKeepsTheLowestNamed) {
  const HostTopology host = make_host({.cores = 4, .threads = 2});  // cores {0,1} {2,3} {4,5} {6,7}
  const CoreShare one = share_cores(host, {3, 4}, SiblingRule::at_start, {});
  EXPECT_EQ(one.owned, (CpuSet{2, 3, 4, 5}));
  EXPECT_EQ(one.usable, (CpuSet{3, 4}));
  EXPECT_EQ(one.offline, (CpuSet{2, 5}));
  const CoreShare both = share_cores(host, {4, 5, 6}, SiblingRule::at_start, {});
  EXPECT_EQ(both.usable, (CpuSet{4, 6}));
  EXPECT_EQ(both.offline, (CpuSet{5, 7}));
}

TEST(ShareCores, LeavesSiblingsOnlineWhereTheHostFileSaysSo) {
  const HostTopology host = make_host({.cores = 4, .threads = 2});
  const CoreShare share = share_cores(host, {4, 5}, SiblingRule::leave, {});
  EXPECT_EQ(share.owned, (CpuSet{4, 5}));
  EXPECT_EQ(share.usable, (CpuSet{4, 5}));
  EXPECT_TRUE(share.offline.empty());
}

TEST(ShareCores, TellsASiblingThatCannotGoOffline) {
  const HostTopology host = make_host({.cores = 4, .threads = 2});
  EXPECT_EQ(share_cores(host, {1}, SiblingRule::at_start, {}).unmovable, CpuSet{0});
  EXPECT_TRUE(share_cores(host, {0}, SiblingRule::at_start, {}).unmovable.empty());
}

TEST(ShareCores, CountsOfflineSiblingsOnlyWhenTheyAreDownByOurHand) {
  HostTopology host = make_host({.cores = 4, .threads = 2});
  host.cpus[5].online = false;
  EXPECT_TRUE(share_cores(host, {4}, SiblingRule::at_start, {}).offline.empty());
  EXPECT_EQ(share_cores(host, {4}, SiblingRule::at_start, {5}).offline, CpuSet{5});
}

}  // namespace
}  // namespace kvmrt::partition
