// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>

#include "launcher/commands.h"
#include "launcher/sync.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-sync-config\n"
    "  kvmrt-sync-config -r          renew imported profiles whose source changed\n\n"
    "Exit status: 0 done, 3 when a profile or a source cannot be read.";

}  // namespace

int cmd_sync_config(int argc, char** argv) {
  SyncOptions options;
  CLI::App app("Brings the system in line with the profiles: units wanted, devices reserved.");
  app.add_flag("-r,--reimport", options.reimport,
               "the reverse: renew imported profiles whose source changed");
  app.add_option("--root", options.root, "another system's root folder, an image's")
      ->type_name("DIR");
  add_config_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  return sync_config(options);
}

}  // namespace kvmrt::launcher
