// SPDX-License-Identifier: MIT
// Can it be done on this host, with the rights that we have? Asked before anything is changed:
// facts are read first, the decision over them is pure, and each "no" names the key and the way
// out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "launcher/confine.h"
#include "launcher/preflight_files.h"
#include "launcher/preflight_memory.h"
#include "launcher/preflight_rights.h"
#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct PreflightFacts {
  Rights rights;
  MemorySupply memory;
  std::string binary;                        ///< of qemu.binary; "" when PATH has none
  Checked<std::optional<Credentials>> user;  ///< as security.user says
  std::vector<FileFacts> files;              ///< of file_demands(), as that user sees them
};

/// What the decision allows, and what spawn() needs of it.
struct Permit {
  std::string binary;  ///< absolute path of QEMU
  MemlockWay memlock = MemlockWay::not_needed;
  std::optional<Credentials> user;
  Confinement confinement;
};

/// Reads; changes nothing on the host (a scratch thread tries SCHED_FIFO for an instant).
PreflightFacts probe_preflight(const profiles::Profile& profile, const partition::VmPlan& plan,
                               bool kvm);

/// Pure.
Checked<Permit> preflight(const profiles::Profile& profile, const partition::VmPlan& plan, bool kvm,
                          const PreflightFacts& facts);

/// Where PATH finds the program; a name with a slash is taken as it is. "" when it is not there or
/// cannot be executed.
std::string find_program(const std::string& name, const std::string& path);

}  // namespace kvmrt::launcher
