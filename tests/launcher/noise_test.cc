// SPDX-License-Identifier: MIT
#include "launcher/noise/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/noise/print.h"

namespace kvmrt::launcher::noise {
namespace {

using namespace std::chrono_literals;
using partition::CpuSet;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// A VM whose one vCPU has CPU 3, after so many seconds.
Counters counters_at(std::chrono::seconds time) {
  Counters made;
  made.at = time;
  made.at_ticks = static_cast<std::uint64_t>(time.count()) * 100;
  VcpuCounters vcpu;
  vcpu.tid = Tid(100);
  vcpu.cpus = {3};
  vcpu.slices = static_cast<std::uint64_t>(time.count()) * 10;
  made.vcpus = {vcpu};
  made.cpus[CpuId(3)].interrupts = {{"24 eth0", static_cast<std::uint64_t>(time.count())}};
  return made;
}

TaskCounters task(const char* name, int tid, nanoseconds run_time, std::uint64_t born = 0) {
  return {Tid(tid), born, name, false, {3}, false, CpuId(3), run_time, 1};
}

TEST(Noise, IsWhatGrewBetweenTwoReadings) {
  const Counters before = counters_at(10s);
  Counters after = counters_at(20s);
  after.vcpus[0].run_delay = 500ms;
  after.vcpus[0].involuntary_switches = 7;
  const Noise noise = noise_between(before, after, 0us);
  EXPECT_EQ(noise.period, 10s);
  EXPECT_EQ(noise.vcpus[0].run_delay, 500ms);
  EXPECT_EQ(noise.vcpus[0].mean_wait(), 5ms);
  EXPECT_EQ(noise.vcpus[0].involuntary_switches, 7U);
  ASSERT_THAT(noise.disturbers, SizeIs(1));
  EXPECT_EQ(to_string(noise.disturbers[0]), "interrupt 24 eth0");
  EXPECT_EQ(noise.disturbers[0].count, 10U);
  EXPECT_EQ(noise.culprit(), nullptr);
}

TEST(Noise, TheCulpritIsTheTaskThatRanLongest) {
  Counters before = counters_at(10s), after = counters_at(20s);
  before.tasks = {task("kworker/3:0", 30, 10ms), task("burner", 31, 100ms)};
  after.tasks = {task("kworker/3:0", 30, 11ms), task("burner", 31, 900ms)};
  const Noise noise = noise_between(before, after, 0us);
  ASSERT_NE(noise.culprit(), nullptr);
  EXPECT_EQ(to_string(*noise.culprit()), "task burner (31)");
  EXPECT_EQ(noise.culprit()->time, 800ms);
  EXPECT_FALSE(noise.culprit()->at_most);
}

TEST(Noise, ATaskThatCameFromElsewhereRanHereAtMostForThePeriod) {
  Counters after = counters_at(20s);
  after.tasks = {task("old", 40, 3600s, 5)};
  const Noise noise = noise_between(counters_at(10s), after, 0us);
  EXPECT_EQ(noise.culprit()->time, 10s);
  EXPECT_TRUE(noise.culprit()->at_most);
}

TEST(Noise, ATaskBornMeanwhileCountsWithAllItsTimeWhichIsExactForTheKernelsOwn) {
  Counters after = counters_at(20s);
  after.tasks = {task("young", 41, 2s, 1500)};
  const Noise noise = noise_between(counters_at(10s), after, 0us);
  EXPECT_EQ(noise.culprit()->time, 2s);
  EXPECT_TRUE(noise.culprit()->at_most);
  after.tasks[0].kernel = true;
  EXPECT_FALSE(noise_between(counters_at(10s), after, 0us).culprit()->at_most);
}

TEST(Noise, ANumberThatHasANewOwnerIsAnotherTask) {
  Counters before = counters_at(10s), after = counters_at(20s);
  before.tasks = {task("old", 42, 5s, 5)};
  after.tasks = {task("new", 42, 6s, 1200)};
  EXPECT_EQ(noise_between(before, after, 0us).culprit()->time, 6s);
}

TEST(Noise, ATaskThatWasLastSeenElsewhereIsNotAccused) {
  Counters after = counters_at(20s);
  TaskCounters wide = task("shell", 43, 2s, 1500);
  wide.elsewhere = true;
  wide.last_cpu = CpuId(0);
  after.tasks = {wide};
  EXPECT_EQ(noise_between(counters_at(10s), after, 0us).culprit(), nullptr);
}

Verdict verdict_of(nanoseconds delay, std::optional<nanoseconds> longest, nanoseconds budget) {
  Counters after = counters_at(20s);
  after.vcpus[0].run_delay = delay;
  after.vcpus[0].longest_wait = longest;
  return noise_between(counters_at(10s), after, budget).vcpus[0].verdict;
}

TEST(Verdict, WithoutTheLongestWaitAGoodMeanProvesNothing) {
  EXPECT_EQ(verdict_of(1ms, std::nullopt, 40us), Verdict::unknown);
  EXPECT_EQ(verdict_of(100ms, std::nullopt, 40us), Verdict::over);  // mean 1 ms
}

TEST(Verdict, TheLongestWaitDecidesWhereItIsKnown) {
  EXPECT_EQ(verdict_of(1ms, 39us, 40us), Verdict::within);
  EXPECT_EQ(verdict_of(1ms, 41us, 40us), Verdict::over);
}

TEST(Verdict, NoBudgetNoVerdict) { EXPECT_EQ(verdict_of(1s, 1s, 0us), Verdict::no_budget); }

TEST(Ledger, RemembersATaskThatCameAndWasMovedAway) {
  Ledger ledger;
  ledger.baseline = ledger.last = counters_at(10s);
  Counters with = counters_at(20s);
  with.tasks = {task("burner", 50, 100s, 5)};
  ledger = advanced(ledger, with);
  ledger = advanced(ledger, counters_at(30s));
  const Noise noise = noise_since_start(ledger, counters_at(40s));
  ASSERT_NE(noise.culprit(), nullptr);
  EXPECT_EQ(noise.culprit()->name, "burner");
  EXPECT_EQ(noise.culprit()->time, 10s);
  EXPECT_TRUE(noise.culprit()->at_most);
}

TEST(Ledger, CountsATaskThatStayedOnce) {
  Ledger ledger;
  ledger.baseline = ledger.last = counters_at(10s);
  for (const auto second : {20s, 30s}) {
    Counters with = counters_at(second);
    with.tasks = {task("burner", 50, 100s + (second - 20s) / 10, 5)};
    ledger = advanced(ledger, with);
  }
  Counters now = counters_at(40s);
  now.tasks = {task("burner", 50, 102s, 5)};
  const Noise noise = noise_since_start(ledger, now);
  EXPECT_EQ(noise.culprit()->time, 12s);  // 10 at most when it came, then 1 and 1
}

TEST(Ledger, RemembersAKernelThreadThatEnded) {
  Ledger ledger;
  ledger.baseline = ledger.last = counters_at(10s);
  ledger.baseline.tasks = {task("kworker/3:1", 60, 1s)};
  ledger.last.tasks = {task("kworker/3:1", 60, 3s)};
  ledger = advanced(ledger, counters_at(20s));
  EXPECT_EQ(noise_since_start(ledger, counters_at(30s)).culprit()->time, 2s);
}

VmNoise disturbed() {
  VmNoise made;
  made.vm = "line3";
  made.budget = 40us;
  made.now = counters_at(20s);
  made.now.vcpus[0].run_delay = 500ms;
  made.now.tasks = {task("bur\"ner", 31, 900ms, 1500)};
  made.since_start = noise_between(counters_at(10s), made.now, made.budget);
  return made;
}

TEST(NoiseTable, NamesTheCulprit) {
  const std::string text = noise_table(disturbed());
  EXPECT_THAT(text, HasSubstr("culprit: task bur\"ner (31) ran at most 900000 us on CPU 3"));
  EXPECT_THAT(text, HasSubstr("over (40 us)"));
  EXPECT_THAT(text, Not(HasSubstr("last interval")));
}

TEST(NoiseSummary, IsOneLine) {
  const VmNoise noise = disturbed();
  const std::string text = summary(noise.since_start, noise.budget);
  EXPECT_THAT(text, HasSubstr("vcpu0 waited 500000 us in 100 slices (mean 5000 us, budget 40 us: "
                              "over)"));
  EXPECT_THAT(text, HasSubstr("task bur\"ner (31) ran at most 900000 us on CPU 3, 10 interrupts"));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST(Metrics, EscapeNamesAndHaveOneHeadForEachFamily) {
  VmMetrics stopped;
  stopped.vm = "other";
  stopped.state = "stopped";
  VmMetrics running = stopped;
  running.vm = "line3";
  running.running = true;
  running.noise = disturbed();
  const std::string text = metrics_text({running, stopped});
  EXPECT_THAT(text, HasSubstr("kvmrt_cpu_foreign_task_seconds{vm=\"line3\",cpu=\"3\",name=\"bur"
                              "\\\"ner\",tid=\"31\"} 0.9\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE kvmrt_vcpu_run_delay_seconds_total counter\n"
                              "kvmrt_vcpu_run_delay_seconds_total{vm=\"line3\",vcpu=\"0\"} 0.5\n"));
  EXPECT_THAT(text,
              HasSubstr("kvmrt_vm_running{vm=\"line3\"} 1\nkvmrt_vm_running{vm=\"other\"} 0"));
  EXPECT_THAT(text, Not(HasSubstr("kvmrt_cpu_smis_total")));
}

}  // namespace
}  // namespace kvmrt::launcher::noise
