// SPDX-License-Identifier: MIT
#include <csignal>

#include <CLI/CLI.hpp>

#include "launcher/commands.h"
#include "launcher/log.h"
#include "launcher/shutdown.h"

namespace kvmrt::launcher {

int cmd_shutdown(int argc, char** argv) {
  ShutdownOptions options;
  CLI::App app("Stops all running VMs, or those named: power-down, then harder; waits for them.");
  app.add_option("name", options.names, "only these VMs")->type_name("NAME");
  app.add_flag("--force", options.force, "end QEMU at once, without asking the guest");
  add_config_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code =
          parse_options(app, argc, argv, "  kvmrt-shutdown\n  kvmrt-shutdown --force line3"))
    return *code;
  std::signal(SIGPIPE, SIG_IGN);
  set_log(argv[0], options.common.verbose);
  return shut_down(options);
}

}  // namespace kvmrt::launcher
