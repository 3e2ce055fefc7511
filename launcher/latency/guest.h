// SPDX-License-Identifier: MIT
// The shipped measuring guest: what it is told on its command line, and what its console says.
// Pure, but for the search of its files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/latency/report.h"
#include "partition/plan.h"

namespace kvmrt::launcher::latency {

struct GuestImage {
  std::filesystem::path kernel, initrd;
};

/// In `folder`, else where the package and scripts/guest/build-measure put it. Throws
/// std::runtime_error that says how it is made.
GuestImage find_image(const std::string& folder);

struct GuestWish {
  double seconds = 10;
  int interval_us = 1000;
  int priority = 80;
};

/// The vCPUs that are measured: the real-time ones, all where none is.
std::vector<int> measured_vcpus(const partition::VmPlan& plan);

/// vCPU 0 keeps the guest's own work; the others that are measured are isolated from it.
std::string guest_cmdline(const std::vector<int>& vcpus, int nr_vcpus, const GuestWish& wish);

/// What the console said: the histogram of each vCPU, and the checker's lines "ok: …", "warning:
/// …". Throws std::runtime_error that quotes the console's end when there is no histogram.
struct GuestResult {
  std::vector<Series> series;
  std::vector<std::string> checks;
};
GuestResult guest_result(std::string_view console, const std::vector<int>& vcpus);

}  // namespace kvmrt::launcher::latency
