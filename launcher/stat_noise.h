// SPDX-License-Identifier: MIT
// What `stat --noise` and `stat --openmetrics` show: the interference ledgers of VMs that run.
#pragma once

#include <string>
#include <vector>

#include "launcher/noise/print.h"
#include "launcher/stat.h"

namespace kvmrt::launcher {

/// The counters of those that run, now; none for the others.
std::vector<noise::Counters> read_noise(const std::vector<VmStat>& vms);

/// `before`: an earlier read_noise of the same VMs, for the interval; empty: none.
std::vector<noise::VmNoise> gather_noise(const std::vector<VmStat>& vms,
                                         const std::vector<noise::Counters>& before);

std::string noise_tables(const std::vector<VmStat>& vms, const std::vector<noise::VmNoise>& noise);

/// As stat_json, with "noise" for those that run.
std::string stat_noise_json(const std::vector<VmStat>& vms,
                            const std::vector<noise::VmNoise>& noise);

std::string stat_metrics(const std::vector<VmStat>& vms);

}  // namespace kvmrt::launcher
