// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/latency/cyclictest.h"
#include "launcher/latency/evidence.h"
#include "launcher/latency/guest.h"
#include "launcher/latency/plot.h"
#include "launcher/latency/report.h"
#include "launcher/latency/tracer.h"

namespace kvmrt::launcher::latency {
namespace {

using partition::CpuSet;
using partition::Policy;
using partition::ThreadClass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

Histogram histogram_of(std::initializer_list<std::pair<int, int>> bars) {
  Histogram made;
  for (const auto& [us, count] : bars) made.add(us, static_cast<std::uint64_t>(count));
  return made;
}

Report report_of(std::vector<Series> series) {
  Report report;
  report.host = "Linux 6.1, a processor, 4 CPUs";
  report.started = "2026-01-02T03:04:05Z";
  report.seconds = report.seconds_wanted = 10;
  report.priority = 80;
  report.series = std::move(series);
  return report;
}

TEST(Histogram, QuantilesAreTheSmallestLatencyThatSoManyDidNotExceed) {
  const Histogram h = histogram_of({{2, 9900}, {5, 90}, {20, 9}, {400, 1}});
  EXPECT_EQ(h.quantile(0.99), 2);
  EXPECT_EQ(h.quantile(0.999), 5);
  EXPECT_EQ(h.quantile(0.9999), 20);
  EXPECT_EQ(h.greatest(), 400);
  EXPECT_NEAR(h.mean(), 2.083, 0.001);
  EXPECT_EQ(h.at_least(20), 10U);
}

TEST(Histogram, OfNothingIsAllZero) {
  const Histogram h;
  EXPECT_EQ(h.quantile(0.5) + h.greatest() + h.least(), 0);
  EXPECT_EQ(h.mean(), 0);
}

TEST(Report, CountsWakeUpsThatCameAWholeIntervalLate) {
  const Report report = report_of({{"host", 3, histogram_of({{2, 10}, {999, 5}, {1000, 2}})}});
  EXPECT_EQ(report.overruns(report.series[0]), 2U);
}

TEST(Report, NamesTheCpusThatAreOverTheBudget) {
  Report report =
      report_of({{"host", 3, histogram_of({{40, 1}})}, {"guest", 0, histogram_of({{41, 1}})}});
  EXPECT_THAT(report.over_budget(), IsEmpty());
  report.budget_us = 40;
  EXPECT_THAT(report.over_budget(), ElementsAre("guest CPU 0 (41 us)"));
  EXPECT_THAT(report_table(report), HasSubstr("OVER the budget of 40 us: guest CPU 0 (41 us)"));
}

TEST(Report, TableHasOneRowPerCpu) {
  EXPECT_EQ(report_table(report_of({{"host", 3, histogram_of({{2, 9999}, {40, 1}})}})),
            "host: wake-ups every 1000 us at FIFO 80, 10.0 s\n"
            "Linux 6.1, a processor, 4 CPUs\n"
            "us              WAKE-UPS   MIN      AVG     P99   P99.9  P99.99     MAX OVERRUNS\n"
            "host CPU 3         10000     2     2.00       2       2       2      40        0\n");
}

TEST(Report, ComesBackFromItsJson) {
  Report report = report_of({{"host", 3, histogram_of({{2, 9}, {40, 1}})}});
  report.traced = {{"hwlat", {{CpuId(3), {{"worst_us", 12.0}}}}}};
  report.guest = {"ok: clocksource tsc"};
  EXPECT_EQ(report_from_json(report_to_json(report)), report);
}

TEST(Report, AnythingElseIsRefusedWithTheReason) {
  for (const char* text : {"", "[]", "{}", "{\"kind\":\"other\"}", "{\"kind\":\"kvmrt-latency\"}"})
    EXPECT_THROW(report_from_json(text), std::runtime_error) << text;
}

TEST(Compare, SaysWhatBIsOfA) {
  const Report a = report_of({{"host", 3, histogram_of({{10, 100}})}, {"host", 4, {}}});
  const Report b = report_of({{"host", 3, histogram_of({{5, 100}})}});
  const std::string text = compare("a.json", a, "b.json", b);
  EXPECT_THAT(text, HasSubstr("max           10.00       5.00      50 %"));
  EXPECT_THAT(text, HasSubstr("host CPU 4"));
  EXPECT_THAT(text, HasSubstr("not in B"));
}

TEST(PlotProgram, DrawsOneLineForEachCpuAndTheBudget) {
  Report report = report_of(
      {{"host", 2, histogram_of({{3, 100}, {4, 7}, {9, 1}})}, {"host", 3, histogram_of({{2, 5}})}});
  report.budget_us = 40;
  const std::string text = plot_program(report, "out.svg");
  EXPECT_THAT(text, HasSubstr("set terminal svg"));
  EXPECT_THAT(text, HasSubstr("set logscale y"));
  EXPECT_THAT(text, HasSubstr("$cpu0 << EOD\n3 0.5\n3 100\n4 7\n5 0.5\n9 0.5\n9 1\n10 0.5\nEOD\n"));
  EXPECT_THAT(text, HasSubstr("'host CPU 3: max 2 us, avg 2.0'"));
  EXPECT_THAT(text, HasSubstr("'budget 40 us'"));
}

TEST(PlotProgram, AQuoteInAPathEndsNoString) {
  EXPECT_THAT(plot_program(report_of({{"host", 2, histogram_of({{3, 1}})}}), "it's.svg"),
              HasSubstr("set output 'it''s.svg'"));
}

constexpr const char* kCyclictest =
    "kvmrt-measure: rt yes\r\n"
    "# /dev/cpu_dma_latency set to 0us\r\n"
    "# Histogram\r\n"
    "000002 000100\t000000\r\n"
    "000003 000004\t000050\r\n"
    "# Total: 000000104 000000050\r\n"
    "# Min Latencies: 00002 00003\r\n"
    "# Max Latencies: 30000 00003\r\n"
    "# Histogram Overflows: 00001 00000\r\n";

TEST(ParseCyclictest, OfASerialConsoleWithOverflows) {
  const auto series = parse_cyclictest(kCyclictest, "guest", {1, 2});
  ASSERT_THAT(series, SizeIs(2));
  EXPECT_EQ(series[0].name(), "guest CPU 1");
  EXPECT_THAT(series[0].histogram.counts(), ElementsAre(Pair(2, 100), Pair(3, 4), Pair(30000, 1)));
  EXPECT_THAT(series[1].histogram.counts(), ElementsAre(Pair(3, 50)));
}

TEST(ParseCyclictest, WithoutAHistogramIsAnError) {
  EXPECT_THROW(parse_cyclictest("cyclictest: not found", "guest", {0}), std::runtime_error);
}

TEST(GuestResult, JudgesWhatTheGuestSays) {
  const std::string console = std::string(
                                  "kvmrt-measure: kernel 6.1.0-rt\r\n"
                                  "kvmrt-measure: clocksource hpet\r\n"
                                  "kvmrt-measure: isolated 1\r\n"
                                  "kvmrt-measure: wanted-isolated 1\r\n"
                                  "kvmrt-measure: timer tsc-deadline\r\n"
                                  "kvmrt-measure: resolution high\r\n") +
                              kCyclictest;
  const GuestResult result = guest_result(console, {1, 2});
  EXPECT_THAT(result.checks,
              ElementsAre("ok: PREEMPT_RT kernel 6.1.0-rt", "warning: clocksource hpet",
                          "ok: isolated CPUs 1", "ok: timer of the local APIC: tsc-deadline",
                          "ok: high resolution timers"));
}

TEST(GuestResult, WithoutAHistogramTheConsoleIsQuoted) {
  try {
    guest_result("Kernel panic - not syncing: no init", {0});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("Kernel panic"));
  }
}

partition::VmPlan plan_of(std::initializer_list<Policy> vcpus) {
  partition::VmPlan plan;
  int index = 0;
  for (const Policy policy : vcpus) {
    partition::ThreadPlan thread;
    thread.thread_class = ThreadClass::vcpu;
    thread.index = index++;
    thread.scheduling.policy = policy;
    plan.threads.push_back(thread);
  }
  return plan;
}

TEST(GuestCmdline, IsolatesTheMeasuredVcpusButTheFirst) {
  const auto some = measured_vcpus(plan_of({Policy::other, Policy::fifo, Policy::fifo}));
  EXPECT_THAT(some, ElementsAre(1, 2));
  EXPECT_THAT(guest_cmdline(some, 3, {60, 500, 90}),
              HasSubstr("isolcpus=1-2 nohz_full=1-2 rcu_nocbs=1-2 kvmrt.isolated=1-2 "
                        "kvmrt.measure=60:500:90 kvmrt.cpus=1-2"));
  const auto all = measured_vcpus(plan_of({Policy::other}));
  EXPECT_THAT(all, ElementsAre(0));
  EXPECT_THAT(guest_cmdline(all, 1, {}), Not(HasSubstr("isolcpus")));
}

TEST(ParseTrace, TimerlatKeepsTheWorstOfEachContext) {
  const Traced traced = parse_trace("timerlat",
                                    "# tracer: timerlat\n"
                                    "          <idle>-0       [001] d.h1.    54.029328: #1     "
                                    "context    irq timer_latency       932 ns\n"
                                    "       timerlat/1-867    [001] .....    54.029339: #1     "
                                    "context thread timer_latency     11700 ns\n"
                                    "       timerlat/1-867    [001] .....    54.030339: #2     "
                                    "context thread timer_latency      9000 ns\n"
                                    "       timerlat/0-866    [000] .....    54.029346: #1     "
                                    "context thread timer_latency     99999 ns\n",
                                    CpuSet{1});
  ASSERT_THAT(traced.cpus, SizeIs(1));
  EXPECT_THAT(traced.cpus.at(CpuId(1)),
              ElementsAre(Pair("irq_us", 0.932), Pair("thread_us", 11.7)));
}

TEST(ParseTrace, OsnoiseSumsUpItsPeriods) {
  const Traced traced =
      parse_trace("osnoise",
                  "  osnoise/2-961  [002] d.h.. 81.9: 1000000          190  99.98100               "
                  " 9      18      0   1007     18      1\n"
                  "  osnoise/2-961  [002] d.h.. 82.9: 1000000         1810  99.81900              "
                  "656      74      0   1009     36      4\n",
                  CpuSet{2});
  const auto& values = traced.cpus.at(CpuId(2));
  EXPECT_DOUBLE_EQ(values.at("noise_percent"), 0.1);
  EXPECT_DOUBLE_EQ(values.at("worst_us"), 656);
}

TEST(ParseTrace, HwlatKeepsTheWorstGap) {
  const Traced traced = parse_trace("hwlat",
                                    "  <...>-1729  [003] d... 714.756290: #1     inner/outer(us):  "
                                    " 12/14    ts:1581527483.343962693 count:6\n",
                                    CpuSet{3});
  EXPECT_THAT(traced.cpus.at(CpuId(3)), ElementsAre(Pair("gaps", 1), Pair("worst_us", 14)));
}

TEST(DiffLines, ShowsWhatOnlyOneHas) {
  EXPECT_EQ(diff_lines("a\nb\nc\n", "a\nx\nc\n"), "- b\n+ x\n");
  EXPECT_EQ(diff_lines("a\n", "a\n"), "");
}

}  // namespace
}  // namespace kvmrt::launcher::latency
