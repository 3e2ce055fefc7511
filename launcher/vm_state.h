// SPDX-License-Identifier: MIT
// What a supervisor tells about its VM, in vms/NAME/state.json: all that `stat` and a supervisor
// that adopts the VM need to know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "launcher/process.h"
#include "launcher/state_folder.h"
#include "launcher/threads.h"
#include "partition/plan.h"

namespace kvmrt::launcher {

enum class VmStatus { stopped, starting, running, paused, stopping, failed, unsupervised };

std::string to_string(VmStatus status);

struct VmState {
  std::string name;
  std::string uuid;
  VmStatus status = VmStatus::starting;
  std::string boot_id;
  ProcessId supervisor;
  std::optional<ProcessId> qemu;
  std::int64_t started_at = 0;  ///< s since the epoch when the guest began; 0: not yet
  int nr_vcpus = 1;
  bool rt = false;
  bool rt_memory = false;
  bool promoted = true;  ///< the vCPUs have their real-time policy
  bool kvm = true;
  Bytes memory;
  std::string profile_path;
  std::string profile_digest;
  std::string message;           ///< why it failed or ended, one line
  std::optional<int> exit_code;  ///< of the supervisor, once it ends
  /// QEMU notes power-offs in its log; only what it wrote behind this place tells of the guest's
  /// present life. Nothing: it could not be told to.
  std::optional<std::uint64_t> log_mark;
  ReportedThreads reported;  ///< which threads are vCPUs and iothreads, as QEMU said
  partition::VmPlan plan;
};

/// Atomically; readers see the old or the new. Throws SystemError.
void write_state(const VmFolder& folder, const VmState& state);

/// As written; nothing when there is none or it cannot be understood.
std::optional<VmState> read_state(const VmFolder& folder);

/// As it is: `read_state` checked against the boot id and the living processes. With a dead
/// supervisor: `unsupervised` while QEMU lives, else `failed` unless it had said that it stopped.
/// Nothing: stopped.
std::optional<VmState> present_state(const VmFolder& folder,
                                     const std::filesystem::path& root = "/");

std::string state_to_json(const VmState& state);
std::optional<VmState> state_from_json(std::string_view text);

}  // namespace kvmrt::launcher
