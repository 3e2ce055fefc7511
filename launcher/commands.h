// SPDX-License-Identifier: MIT
// Every subcommand is a function of this form in a cmd_NAME.cc of its own: options in, one function
// of a library called, output, exit code. It throws Refused, SystemError or anything derived from
// std::exception; run_program prints those.
#pragma once

#include <string_view>

namespace kvmrt::launcher {

using CommandFunction = int (*)(int argc, char** argv);

struct Command {
  std::string_view name;     ///< "launch"; the installed link is kvmrt-launch
  std::string_view purpose;  ///< one sentence for `kvmrt --help`
  CommandFunction run;
};

// argv[0] is the full name to use in messages ("kvmrt-launch").
int cmd_boot(int argc, char** argv);
int cmd_clone(int argc, char** argv);
int cmd_cpu_topology(int argc, char** argv);
int cmd_create(int argc, char** argv);
int cmd_edit_config(int argc, char** argv);
int cmd_import(int argc, char** argv);
int cmd_launch(int argc, char** argv);
int cmd_recover(int argc, char** argv);
int cmd_show_config(int argc, char** argv);
int cmd_shutdown(int argc, char** argv);
int cmd_siblings(int argc, char** argv);
int cmd_stat(int argc, char** argv);
int cmd_sync_config(int argc, char** argv);
int cmd_validate_config(int argc, char** argv);
int cmd_validate_host(int argc, char** argv);

}  // namespace kvmrt::launcher
