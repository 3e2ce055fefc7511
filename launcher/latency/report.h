// SPDX-License-Identifier: MIT
// What a measurement found: values, as a table, as JSON and back, and two of them side by side.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "launcher/latency/histogram.h"

namespace kvmrt::launcher::latency {

/// The wake-ups of one CPU.
struct Series {
  std::string where;  ///< "host" | "guest"
  int cpu = 0;        ///< of the host; of a guest its vCPU number
  Histogram histogram;
  [[nodiscard]] std::string name() const { return where + " CPU " + std::to_string(cpu); }
  friend bool operator==(const Series&, const Series&) = default;
};

/// What one of the kernel's tracers saw on one CPU, by its own names ("thread_us", "noise_us").
struct Traced {
  std::string tracer;
  std::map<CpuId, std::map<std::string, double>> cpus;
  friend bool operator==(const Traced&, const Traced&) = default;
};

struct Report {
  std::string tool = "kvmrt";  ///< or "cyclictest"
  std::string host;            ///< kernel and processor, one line
  std::string vm;              ///< "" for a host measured by itself
  std::string load;            ///< what ran meanwhile, "" for nothing of ours
  std::string started;         ///< ISO 8601, UTC
  double seconds = 0;          ///< that it took
  double seconds_wanted = 0;
  int interval_us = 1000;
  int priority = 0;   ///< SCHED_FIFO
  int budget_us = 0;  ///< 0: none
  std::vector<Series> series;
  std::vector<Traced> traced;
  std::vector<std::string> guest;  ///< what the guest's checker found: "ok|warning: text"

  [[nodiscard]] bool interrupted() const { return seconds + 0.5 < seconds_wanted; }
  /// A wake-up that came a whole interval late, or later.
  [[nodiscard]] std::uint64_t overruns(const Series& one) const;
  /// Those whose worst wake-up exceeds the budget.
  [[nodiscard]] std::vector<std::string> over_budget() const;
  friend bool operator==(const Report&, const Report&) = default;
};

std::string report_table(const Report& report);
std::string report_to_json(const Report& report);
/// Throws std::runtime_error that says what is wrong.
Report report_from_json(std::string_view text);

/// Each CPU of both: a's value, b's, and b in percent of a.
std::string compare(const std::string& name_a, const Report& a, const std::string& name_b,
                    const Report& b);

}  // namespace kvmrt::launcher::latency
