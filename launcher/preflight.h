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
  std::string binary;                        ///< absolute; "" when PATH has none
  Checked<std::optional<Credentials>> user;  ///< as security.user says
  std::vector<FileFacts> files;              ///< of file_demands()
};

/// What the decision allows, and what spawn() needs of it.
struct Permit {
  std::string binary;  ///< absolute path of QEMU
  MemlockWay memlock = MemlockWay::not_needed;
  std::optional<Credentials> user;
  Confinement confinement;
};

/// Reads; changes nothing on the host (a scratch thread tries the real-time policy for an instant).
PreflightFacts probe_preflight(const profiles::Profile& profile, const partition::VmPlan& plan,
                               const QemuInvocation& invocation, bool kvm);

/// Is this about what the caller may do, not about the profile or the host? A dry run, which needs
/// no rights, shows such an error as a warning.
bool about_rights(const Problem& problem);

/// Pure.
Checked<Permit> preflight(const profiles::Profile& profile, const partition::VmPlan& plan, bool kvm,
                          const PreflightFacts& facts);

}  // namespace kvmrt::launcher
