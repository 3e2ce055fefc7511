// SPDX-License-Identifier: MIT
// What the host was like before us: for every knob and task that we touch its original and what we
// last wrote, and the leases for whose sake. One JSON file, /run/kvmrt/ledger.json, replaced
// atomically; on a tmpfs, so that a reboot forgets it together with the settings.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "partition/cpuset.h"
#include "partition/lease.h"
#include "partition/policy.h"

namespace kvmrt::partition {

struct KnobRecord {
  std::string original;
  std::string written;
  friend bool operator==(const KnobRecord&, const KnobRecord&) = default;
};

/// By thread id; the start time tells it from a later thread of the same number.
struct MaskRecord {
  std::uint64_t start_time = 0;
  CpuSet original;
  CpuSet written;
  friend bool operator==(const MaskRecord&, const MaskRecord&) = default;
};

struct PolicyRecord {
  std::uint64_t start_time = 0;
  Scheduling original;
  Scheduling written;
  friend bool operator==(const PolicyRecord&, const PolicyRecord&) = default;
};

struct Ledger {
  std::string boot_id;
  bool pending = false;  ///< a change was begun: differences are its side effects, not edits
  HostPolicy policy;     ///< of the last acquire; all keepers of this host apply this one
  CpuSet boot_offline;   ///< held offline whether or not a VM runs (siblings: at-boot)
  std::vector<Lease> leases;
  std::map<std::string, KnobRecord> knobs;
  std::unordered_map<int, MaskRecord> masks;
  /// Narrowed masks that tasks had until the change that is pending: a fork in flight meanwhile
  /// shows up with one of them.
  std::vector<CpuSet> outgoing;
  std::map<int, PolicyRecord> policies;
  /// Huge pages that we added for a VM: VM → nr_hugepages file → count.
  std::map<std::string, std::map<std::string, std::uint64_t>> pages;

  [[nodiscard]] bool idle() const {
    return leases.empty() && knobs.empty() && masks.empty() && policies.empty() &&
           boot_offline.empty() && !pending;
  }
  [[nodiscard]] const Lease* find(std::string_view vm) const;
  [[nodiscard]] Lease* find(std::string_view vm);
};

/// Indented, so that a human can read it in need.
std::string to_json(const Ledger& ledger);

/// Throws std::runtime_error that says what is wrong for anything that to_json did not write.
Ledger ledger_of_json(std::string_view text);

}  // namespace kvmrt::partition
