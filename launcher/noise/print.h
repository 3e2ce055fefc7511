// SPDX-License-Identifier: MIT
// The ledger as a table, as JSON, and as metrics. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "launcher/noise/noise.h"

namespace kvmrt::launcher::noise {

/// Of one VM that runs.
struct VmNoise {
  std::string vm;
  nanoseconds budget{0};  ///< zero: none named
  Counters now;
  Noise since_start;
  std::optional<Noise> interval;  ///< the last one
};

std::string noise_table(const VmNoise& noise);

nlohmann::ordered_json noise_json(const VmNoise& noise);

/// A VM for the metrics; one that does not run has no noise.
struct VmMetrics {
  std::string vm;
  std::string state;  ///< as `stat` names it
  bool running = false;
  std::uint64_t locked_bytes = 0;
  std::int64_t uptime_s = 0;
  std::optional<VmNoise> noise;
};

/// In the text form that a node exporter's textfile collector and promtool read; a counter's own
/// name ends in _total, which OpenMetrics proper would want left out of its TYPE line.
std::string metrics_text(const std::vector<VmMetrics>& vms);

}  // namespace kvmrt::launcher::noise
