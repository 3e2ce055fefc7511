// SPDX-License-Identifier: MIT
// Wake-up latency as cyclictest measures it: on each CPU a SCHED_FIFO thread sleeps until an
// absolute time and asks how late it is. The only part of the program that makes threads.
#pragma once

#include <functional>
#include <vector>

#include "launcher/latency/report.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher::latency {

struct CyclicOptions {
  partition::CpuSet cpus;
  double seconds = 10;
  int interval_us = 1000;
  int priority = 80;  ///< SCHED_FIFO, 1..99
};

/// How far it is: seconds gone, and the worst so far of each CPU in ascending order.
using Progress = std::function<void(double seconds, const std::vector<std::int64_t>& worst)>;

/// Until the time is over or `stop` answers true; `stop` and `progress` are asked ten times a
/// second from the calling thread. Memory is locked meanwhile. Throws SystemError: no such CPU, no
/// right to SCHED_FIFO.
std::vector<Series> measure_wakeups(const CyclicOptions& options, const std::function<bool()>& stop,
                                    const Progress& progress);

}  // namespace kvmrt::launcher::latency
