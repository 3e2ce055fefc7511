// SPDX-License-Identifier: MIT
// Cache classes (resctrl): a share of the last-level cache, and of memory bandwidth, for the CPUs
// of one VM. Masks and classes are pure values here; the knob is the class's directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "partition/desired.h"
#include "partition/host.h"

namespace kvmrt::partition {

inline constexpr const char* kCacheRoot = "/sys/fs/resctrl";
inline constexpr const char* kCacheKnob = "/sys/fs/resctrl/schemata";  ///< the default class

std::string cache_class_knob(const std::string& vm);  ///< "/sys/fs/resctrl/kvmrt-NAME"
bool is_cache_class_knob(std::string_view knob);

/// Reads what read_state keeps of resctrl: the default class, classes of `vms`, and traits.
void read_cache(Host& host, const Interest& interest, HostState& state);

/// The present value of a class's knob: "CPUS|schemata in one line"; nothing when it is absent.
std::optional<std::string> read_cache_class(Host& host, const std::string& folder);

/// Throws SystemError with the kernel's own words (info/last_cmd_status).
void make_cache_class(Host& host, const std::string& folder, const std::string& value);
void write_schemata(Host& host, const std::string& path, const std::string& text);

/// The wishes of all leases with a cache request; problems for those that cannot be had.
void want_cache(const HostState& state, const Ledger& ledger, Desired& wanted);
Problems cache_refusals(const HostState& state, const Lease& lease);

}  // namespace kvmrt::partition
