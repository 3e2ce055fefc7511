// SPDX-License-Identifier: MIT
// A measurement of this host's CPUs: wake-ups, under load or not, with the kernel's tracers beside.
#pragma once

#include <string>

#include "launcher/latency/report.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::latency {

struct HostOptions {
  partition::CpuSet cpus;  ///< empty: all that this process may use
  double seconds = 10;
  int interval_us = 1000;
  int priority = 80;
  int budget_us = 0;
  bool load = false;
  bool cyclictest = false;  ///< it measures, instead of our own loop
  std::string tracer;       ///< hwlat | osnoise | timerlat beside it; "": none
};

/// Until SIGINT or SIGTERM comes: then what was measured so far is reported.
void stop_on_signals();
bool stop_asked();

/// Throws SystemError and std::runtime_error.
Report measure_host(const HostOptions& options);

/// The CPUs for a load beside these: allowed for this process and not isolated at boot. Throws
/// std::runtime_error when none are left.
partition::CpuSet load_cpus(const partition::CpuSet& measured);

/// "Linux 6.1.0-rt (PREEMPT_RT), Intel(R) …, 16 CPUs".
std::string host_line();

}  // namespace kvmrt::launcher::latency
