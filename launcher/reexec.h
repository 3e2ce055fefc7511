// SPDX-License-Identifier: MIT
// A supervisor replaces its own program by the one that is installed now, and goes on with the same
// guest. Pid and start time stay, so the lease, the service manager and QEMU's parent-death signal
// see no change; QEMU stays our child. Everything else is found again as at an adoption.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace kvmrt::launcher {

/// What cannot be had anew: the VM's lock, and our end of the guest's console.
struct Inheritance {
  std::string vm;
  Fd lock;
  Fd console;  ///< none: it goes to its log
};

/// Of the program before us in this process; nothing at an ordinary start. Answers once: nobody
/// who is started later finds it.
std::optional<Inheritance> take_inheritance();

/// The signals that end a supervisor or have it replaced; held back while nobody listens.
const std::vector<int>& supervisor_signals();
void hold_signals_back();
void let_signals_through();

/// This program's file, as it was named when it was started.
const std::string& program_path();

/// Replaces this program, with these arguments (without argv[0]). Tried first in a child that only
/// plans: a new program that does not load, or does not know its arguments, must not take the
/// supervisor's place. Comes back only when that failed: why.
std::string reexec(const std::vector<std::string>& arguments, const Inheritance& left);

}  // namespace kvmrt::launcher
