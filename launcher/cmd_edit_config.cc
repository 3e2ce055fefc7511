// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>

#include "launcher/commands.h"
#include "launcher/edit.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-edit-config line3\n"
    "  EDITOR=nano kvmrt-edit-config --host\n\n"
    "Exit status: 0 changed or unchanged, 1 the editor failed, 3 abandoned with errors.";

}  // namespace

int cmd_edit_config(int argc, char** argv) {
  EditOptions options;
  CLI::App app("Edits a profile: a copy, checked, then put in place at once; then syncs.");
  app.add_option("name", options.name, "of the VM (default: the only one)")->type_name("NAME");
  app.add_flag("--host", options.host, "edit host.yaml instead");
  add_config_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  return edit_config(options);
}

}  // namespace kvmrt::launcher
