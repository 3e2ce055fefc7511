// SPDX-License-Identifier: MIT
// Another program run to its end, with our terminal.
#pragma once

#include <string>
#include <vector>

namespace kvmrt::launcher {

/// Its exit status, 128 + the signal that killed it, or 127 when the shell found no such program.
/// SIGINT and SIGQUIT of the terminal are the program's meanwhile. Throws SystemError when it
/// cannot be started.
int run_tool(const std::vector<std::string>& argv);

/// Runs systemctl with these arguments where systemd runs. False: it does not, nothing was done.
/// Throws std::exception when systemctl fails.
bool tell_systemd(const std::vector<std::string>& arguments);

}  // namespace kvmrt::launcher
