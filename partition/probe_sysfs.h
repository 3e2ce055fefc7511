// SPDX-License-Identifier: MIT
// What sysfs tells beyond hwloc. Internal to the probe.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partition/topology.h"

namespace kvmrt::partition {

/// A kernel list file; empty when absent, or when it says "(null)" (nohz_full before 6.5 without
/// the boot parameter).
CpuSet read_cpu_list(const std::filesystem::path& path);

/// Present, online, isolated and nohz_full CPUs; the node of offline ones.
void complete_cpus(HostTopology& host, const std::filesystem::path& root);

/// Memory that could be had now, and huge pages, by node.
void complete_nodes(HostTopology& host, const std::filesystem::path& root);

std::vector<std::string> all_devices(const std::filesystem::path& root);
void add_devices(HostTopology& host, const std::filesystem::path& root,
                 const std::vector<std::string>& addresses);

}  // namespace kvmrt::partition
