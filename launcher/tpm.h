// SPDX-License-Identifier: MIT
// The guest's TPM 2.0: a process of its own (swtpm) at the other end of a socket pair, so that QEMU
// needs no right to a path. It is started before QEMU, ends with it, and keeps what the guest
// entrusts to it (keys, counters) across reboots of the host, as a disk does.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/problem.h"
#include "launcher/confine.h"
#include "launcher/process.h"
#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// ${KVMRT_LIBDIR:-/var/lib/kvmrt}/NAME.tpm
std::filesystem::path tpm_state_of(const std::string& vm);

/// Its argv; it runs in its state folder, with the control channel as descriptor 3.
std::vector<std::string> tpm_command();

/// "tpm-not-found": the profile wants a TPM and there is no swtpm.
Problems tpm_problems(const profiles::Profile& profile);

struct TpmStart {
  std::string vm;
  Confinement confinement;
  partition::CpuSet cpus;  ///< empty: ours
  int channel = -1;        ///< its end of the pair
  int log = -1;
  bool die_with_parent = false;
  std::function<void(const ProcessId&)> before_exec;  ///< as ChildSpec::before_exec
};

/// Where it runs: it is no thread of QEMU's, and a real-time VM's CPUs are not for it.
partition::CpuSet tpm_cpus(const partition::VmPlan& plan);

/// Makes the state folder when it is not there. Throws SystemError, with a hint where the folder
/// belongs to another user than the one that swtpm runs as.
ProcessId start_tpm(const TpmStart& start);

/// It ends by itself when QEMU has; one that does not is terminated, then killed. Returns when it
/// is gone, after some six seconds at most. Throws SystemError.
void end_tpm(const ProcessId& tpm);

}  // namespace kvmrt::launcher
