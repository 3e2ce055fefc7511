// SPDX-License-Identifier: MIT
// The kernel's own latency tracers (hwlat, osnoise, timerlat), in a tracing instance of our own, so
// that nobody else's tracing is disturbed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "launcher/latency/report.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::latency {

/// What a `trace` file of that tracer says, for these CPUs: timerlat: irq_us, thread_us, the worst
/// of each; osnoise: noise_percent (of all periods) and worst_us; hwlat: worst_us and gaps. Pure.
Traced parse_trace(const std::string& tracer, std::string_view trace,
                   const partition::CpuSet& cpus);

/// While it lives the tracer runs; its instance is gone with it.
class Tracer {
 public:
  /// Throws std::runtime_error that says what this kernel has instead.
  Tracer(std::string name, const partition::CpuSet& cpus,
         std::filesystem::path tracefs = "/sys/kernel/tracing");
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// Stops it and reads what it saw.
  Traced finish();

 private:
  std::string name_;
  partition::CpuSet cpus_;
  std::filesystem::path tracefs_, instance_;
  std::string cpus_before_;  ///< of osnoise/cpus, which all instances share; "": not changed
};

}  // namespace kvmrt::launcher::latency
