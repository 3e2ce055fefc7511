// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "launcher/clone.h"
#include "launcher/commands.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-clone line3 line4\n"
    "  kvmrt-clone --overlay golden test1";

}  // namespace

int cmd_clone(int argc, char** argv) {
  CloneOptions options;
  CLI::App app("Copies a VM: its profile, with another name, UUID and MACs, and its disks.");
  app.add_option("old", options.old_name, "the VM that is there")->type_name("OLD")->required();
  app.add_option("new", options.new_name, "the name of the copy")->type_name("NEW")->required();
  app.add_flag("--overlay", options.overlay,
               "qcow2 images over the old disks, which must then not change");
  add_config_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  clone_vm(options);
  return static_cast<int>(ExitCode::done);
}

}  // namespace kvmrt::launcher
