// SPDX-License-Identifier: MIT
#include <csignal>
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launcher/boot.h"
#include "launcher/commands.h"
#include "launcher/log.h"

namespace kvmrt::launcher {

int cmd_boot(int argc, char** argv) {
  BootOptions options;
  CLI::App app("Starts all autostart VMs, or those named, and waits until each runs or failed.");
  app.add_option("name", options.names, "only these VMs, autostart or not")->type_name("NAME");
  add_config_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, "  kvmrt-boot\n  kvmrt-boot line3 line4"))
    return *code;
  std::signal(SIGPIPE, SIG_IGN);
  set_log(argv[0], options.common.verbose);
  return boot(options);
}

}  // namespace kvmrt::launcher
