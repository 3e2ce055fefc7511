// SPDX-License-Identifier: MIT
// The histogram that cyclictest -h prints, of a host's or a measuring guest's console. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launcher/latency/report.h"

namespace kvmrt::launcher::latency {

/// One series per thread, the CPUs as `cpus` lists them (by number of thread; 0, 1, … beyond).
/// Overflows count at the threads' maximum. Other lines, and the carriage returns of a serial
/// console, are passed over. Throws std::runtime_error when there is no histogram.
std::vector<Series> parse_cyclictest(std::string_view text, const std::string& where,
                                     const std::vector<int>& cpus);

}  // namespace kvmrt::launcher::latency
