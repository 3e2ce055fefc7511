// SPDX-License-Identifier: MIT
// Carries a blueprint out: takes the CPUs, starts QEMU, supervises it to completion, and gives the
// host back as it was.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/reexec.h"
#include "partition/lease.h"

namespace kvmrt::launcher {

struct LaunchOptions {
  bool console = false;
  bool verbose = false;
  /// For a program that takes this one's place (SIGUSR2): "launch" and its options. Empty: none.
  std::vector<std::string> arguments;
};

/// What this VM takes of the host, supervised by this process.
partition::Lease lease_of(const Blueprint& blueprint);

/// Returns when QEMU is gone and the host is restored, with the command's exit code. `on_running`
/// is called once, when the guest runs. A guest of this name that outlived its supervisor is
/// adopted instead. Throws Refused (also for errors in the blueprint) and SystemError; nothing is
/// left changed then.
ExitCode launch(Blueprint blueprint, const LaunchOptions& options,
                const std::function<void()>& on_running);

/// Goes on with the guest of the program before us. Where the profile is refused by now, the guest
/// is supervised by the default rules, and that is said.
ExitCode resume(const BlueprintOptions& options, const LaunchOptions& how, Inheritance left);

/// The arguments with which another program would launch this VM.
std::vector<std::string> launch_arguments(const BlueprintOptions& options, const std::string& vm);

/// Adopts a guest that outlived its supervisor, and stops it; `force`: without asking the guest.
ExitCode stop_kept_guest(const std::string& vm, bool force);

}  // namespace kvmrt::launcher
