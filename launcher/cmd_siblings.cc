// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>

#include "launcher/commands.h"
#include "launcher/log.h"
#include "launcher/siblings.h"

namespace kvmrt::launcher {

int cmd_siblings(int argc, char** argv) {
  CommonOptions common;
  bool release = false;
  CLI::App app("Takes the SMT siblings of all configured RT VMs offline (siblings: at-boot).");
  add_config_option(app, common);
  add_verbose_option(app, common);
  app.add_flag("--release", release, "bring them back, once no RT VM runs");
  if (const auto code =
          parse_options(app, argc, argv, "  kvmrt-siblings -v\n  kvmrt-siblings --release"))
    return *code;
  set_log(argv[0], common.verbose);
  return static_cast<int>(release ? release_siblings(common) : hold_siblings(common));
}

}  // namespace kvmrt::launcher
