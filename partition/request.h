// SPDX-License-Identifier: MIT
// What one VM demands of the host: the part of a profile that the planner sees. A pure value; the
// profile makes it (profiles/profile.h: request_of), and problems name keys, not lines.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "partition/cpuset.h"

namespace kvmrt::partition {

enum class Policy { other, fifo, rr };

struct Scheduling {
  Policy policy = Policy::other;
  int priority = 0;  ///< 1..99 for fifo and rr, 0 for other
  friend bool operator==(const Scheduling&, const Scheduling&) = default;
};

/// "no value", "the planner chooses", or a set.
template <class Set>
struct Choice {
  enum class Kind { unset, automatic, explicit_set };
  Kind kind = Kind::unset;
  Set set;
  static Choice automatic() { return {Kind::automatic, {}}; }
  static Choice of(Set value) { return {Kind::explicit_set, std::move(value)}; }
  [[nodiscard]] bool is_auto() const { return kind == Kind::automatic; }
  [[nodiscard]] bool is_set() const { return kind == Kind::explicit_set; }
  friend bool operator==(const Choice&, const Choice&) = default;
};

struct IothreadRequest {
  std::string name;
  std::optional<CpuSet> cpus;  ///< nothing: with the emulator threads
  Scheduling scheduling;
  friend bool operator==(const IothreadRequest&, const IothreadRequest&) = default;
};

struct EmulatorRequest {
  enum class Where { rule, housekeeping, explicit_set };
  Where where = Where::rule;  ///< rule: KVM-RT's, the first CPU of cpuset
  CpuSet cpus;                ///< for explicit_set
  Scheduling scheduling;
  friend bool operator==(const EmulatorRequest&, const EmulatorRequest&) = default;
};

/// A resctrl class of its own; all absent: none wanted.
struct CacheRequest {
  std::string l3;   ///< "" | "1MiB" | a number of ways
  std::string mba;  ///< "" | "50%"
  bool exclusive = false;
  [[nodiscard]] bool wanted() const { return !l3.empty() || !mba.empty() || exclusive; }
  friend bool operator==(const CacheRequest&, const CacheRequest&) = default;
};

struct GuestNodeRequest {
  std::vector<int> vcpus;
  Bytes memory;
  NodeSet host_nodes;  ///< empty: as numatune says
  friend bool operator==(const GuestNodeRequest&, const GuestNodeRequest&) = default;
};

struct VmRequest {
  std::string name;
  std::string uuid;
  int nr_vcpus = 1;
  Choice<CpuSet> cpuset;     ///< unset: no biasing
  Choice<NodeSet> numatune;  ///< unset: unrestricted
  bool rt = false;
  bool rt_memory = false;  ///< lock all memory
  Scheduling realtime{Policy::fifo, 1};
  std::vector<int> rt_vcpus;  ///< which vCPUs are real-time; ascending; all of them by default
  std::map<int, CpuId> pin;   ///< vCPU → CPU, where the rule does not serve
  EmulatorRequest emulator;
  std::vector<IothreadRequest> iothreads;
  Bytes memory = gib(1);
  std::optional<Bytes> hugepages;  ///< page size
  std::vector<GuestNodeRequest> guest_nodes;
  std::vector<std::string> pci;  ///< host addresses "0000:03:00.0"
  CacheRequest cache;
  // What only warnings look at.
  bool hide_kvm = false;
  bool kvm = true;  ///< false: software emulation was chosen
  bool autostart = true;
  bool emulated_graphics = false;
  bool vnc = false;
  bool sound = false;
  bool user_network = false;
  bool disk_without_iothread = false;
  std::string guest_os = "linux";  ///< linux | windows | other
  bool guest_realtime = false;
  int guest_sockets = 1;
  std::string guest_cmdline;  ///< of boot.kernel; "" when the guest boots from its own disk
  bool guest_cmdline_known = false;
  friend bool operator==(const VmRequest&, const VmRequest&) = default;
};

}  // namespace kvmrt::partition
