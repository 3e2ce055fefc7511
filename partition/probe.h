// SPDX-License-Identifier: MIT
// Reads the host's topology: through hwloc what hwloc knows, from sysfs what it does not (offline,
// isolated and nohz_full CPUs, free memory, huge pages). Loading costs about half a millisecond on
// a small machine, since hwloc is told to leave out its x86 (cpuid on every CPU) and PCI parts:
// with them it takes 1 ms and 6 ms. PCI devices are read from sysfs, and only those asked for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "partition/topology.h"

namespace kvmrt::partition {

struct ProbeOptions {
  /// Prefix of /sys and /proc: a captured host. hwloc takes it from its environment, so two
  /// threads must not probe at once.
  std::filesystem::path root = "/";
  /// The topology as it was before CPUs were taken offline: sysfs forgets core, package and
  /// siblings of a CPU that is offline. May be null.
  const HostTopology* remembered = nullptr;
  std::vector<std::string> devices{};  ///< PCI addresses to look up; unknown ones are left out
  bool all_devices = false;            ///< every PCI device
};

/// Throws SystemError when the topology cannot be read.
HostTopology probe_topology(const ProbeOptions& options = {});

/// Another machine: the path of an hwloc XML file (lstopo --of xml), or an hwloc synthetic
/// description such as "pack:2 [numa] core:10 pu:2". Malformed input, one with more than 8192 CPUs
/// and a file over 64 MiB are problems with the code "input-unusable". All CPUs but those that the
/// file tells to be offline are online; huge pages, boot parameters and drivers are not known.
Checked<HostTopology> topology_from(const std::string& input);

/// Fills in what `now` no longer shows of offline CPUs, from a topology of the same host.
void remember(HostTopology& now, const HostTopology& before);

/// Writes what remember() needs to RUN_DIR/topology. To be called with the run directory there and
/// before the first CPU is taken offline (or with a topology that was itself completed from it).
/// Throws SystemError.
void keep_topology(const std::filesystem::path& run_dir, const HostTopology& topology);

/// The CPUs of that file; nothing when there is none, it cannot be read, or is damaged.
std::optional<HostTopology> recall_topology(const std::filesystem::path& run_dir);

}  // namespace kvmrt::partition
