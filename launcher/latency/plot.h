// SPDX-License-Identifier: MIT
// The picture that RT people know: latency along, how often up (logarithmic), one line per CPU.
#pragma once

#include <filesystem>
#include <string>

#include "launcher/latency/report.h"

namespace kvmrt::launcher::latency {

/// A gnuplot program with the data in it that draws to `output`; ".png" makes a PNG, all else an
/// SVG. Pure.
std::string plot_program(const Report& report, const std::string& output);

/// Runs gnuplot. Throws std::runtime_error with gnuplot's own words, or with the package to
/// install.
void plot(const Report& report, const std::filesystem::path& output);

}  // namespace kvmrt::launcher::latency
