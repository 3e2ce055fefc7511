// SPDX-License-Identifier: MIT
// The one program with its subcommands: `kvmrt COMMAND …`, or by the name it was called by
// (`kvmrt-launch`, `cpu-topology`).
#pragma once

namespace kvmrt::launcher {

/// The exit code of product section "Contracts for machines"; prints its own errors.
int run_program(int argc, char** argv);

}  // namespace kvmrt::launcher
