// SPDX-License-Identifier: MIT
#include "launcher/latency/report.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace kvmrt::launcher::latency {
namespace {

std::string head(const Report& report) {
  std::string text = fmt::format(
      "{} wake-ups every {} us at FIFO {}, {:.1f} s{}{}\n{}\n",
      report.vm.empty() ? "host:" : report.vm + ":", report.interval_us, report.priority,
      report.seconds,
      report.interrupted() ? fmt::format(" of {:.0f} (interrupted)", report.seconds_wanted) : "",
      report.load.empty() ? "" : ", load: " + report.load, report.host);
  return text;
}

std::string row(const Report& report, const Series& one) {
  const Histogram& h = one.histogram;
  return fmt::format("{:<14} {:>9} {:>5} {:>8.2f} {:>7} {:>7} {:>7} {:>7} {:>8}\n", one.name(),
                     h.total(), h.least(), h.mean(), h.quantile(0.99), h.quantile(0.999),
                     h.quantile(0.9999), h.greatest(), report.overruns(one));
}

std::string traced_rows(const Traced& traced) {
  std::string text;
  for (const auto& [cpu, values] : traced.cpus) {
    text += fmt::format("{} on CPU {}:", traced.tracer, cpu.value());
    for (const auto& [name, value] : values) text += fmt::format(" {} {:g}", name, value);
    text += "\n";
  }
  if (traced.cpus.empty()) text += traced.tracer + ": nothing seen\n";
  return text;
}

std::string verdict(const Report& report) {
  if (report.budget_us == 0) return "";
  const auto over = report.over_budget();
  if (over.empty()) return fmt::format("within the budget of {} us\n", report.budget_us);
  return fmt::format("OVER the budget of {} us: {}\n", report.budget_us, fmt::join(over, ", "));
}

const Series* same_cpu(const Report& report, const Series& wanted) {
  const auto found = std::ranges::find_if(report.series, [&](const Series& one) {
    return one.where == wanted.where && one.cpu == wanted.cpu;
  });
  return found == report.series.end() ? nullptr : &*found;
}

std::string compared(const char* what, double a, double b) {
  const std::string ratio = a > 0 ? fmt::format("{:.0f} %", 100 * b / a) : "-";
  return fmt::format("  {:<8} {:>10.2f} {:>10.2f} {:>9}\n", what, a, b, ratio);
}

std::string compared(const Histogram& a, const Histogram& b) {
  constexpr std::array<std::pair<const char*, double>, 3> kParts{
      {{"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};
  std::string text =
      compared("min", static_cast<double>(a.least()), static_cast<double>(b.least()));
  text += compared("avg", a.mean(), b.mean());
  for (const auto& [name, part] : kParts)
    text += compared(name, static_cast<double>(a.quantile(part)),
                     static_cast<double>(b.quantile(part)));
  return text +
         compared("max", static_cast<double>(a.greatest()), static_cast<double>(b.greatest()));
}

}  // namespace

std::uint64_t Report::overruns(const Series& one) const {
  return one.histogram.at_least(interval_us);
}

std::vector<std::string> Report::over_budget() const {
  std::vector<std::string> over;
  if (budget_us == 0) return over;
  for (const Series& one : series) {
    if (one.histogram.greatest() > budget_us)
      over.push_back(fmt::format("{} ({} us)", one.name(), one.histogram.greatest()));
  }
  return over;
}

std::string report_table(const Report& report) {
  std::string text = head(report);
  text += fmt::format("{:<14} {:>9} {:>5} {:>8} {:>7} {:>7} {:>7} {:>7} {:>8}\n", "us", "WAKE-UPS",
                      "MIN", "AVG", "P99", "P99.9", "P99.99", "MAX", "OVERRUNS");
  for (const Series& one : report.series) text += row(report, one);
  for (const Traced& traced : report.traced) text += traced_rows(traced);
  for (const std::string& line : report.guest) text += "guest: " + line + "\n";
  return text + verdict(report);
}

std::string compare(const std::string& name_a, const Report& a, const std::string& name_b,
                    const Report& b) {
  std::string text = fmt::format("A: {} ({}; {})\nB: {} ({}; {})\n", name_a, a.host,
                                 a.load.empty() ? "no load" : a.load, name_b, b.host,
                                 b.load.empty() ? "no load" : b.load);
  for (const Series& one : a.series) {
    text += fmt::format("{:<10} {:>10} {:>10} {:>9}\n", one.name(), "A (us)", "B (us)", "B of A");
    const Series* other = same_cpu(b, one);
    text += other != nullptr ? compared(one.histogram, other->histogram) : "  not in B\n";
  }
  for (const Series& one : b.series)
    if (same_cpu(a, one) == nullptr) text += one.name() + ": not in A\n";
  return text;
}

}  // namespace kvmrt::launcher::latency
