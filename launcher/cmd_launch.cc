// SPDX-License-Identifier: MIT
#include <csignal>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "launcher/blueprint.h"
#include "launcher/commands.h"
#include "launcher/detach.h"
#include "launcher/dry_run.h"
#include "launcher/launch.h"
#include "launcher/log.h"

namespace kvmrt::launcher {
namespace {

struct Options {
  BlueprintOptions blueprint;
  bool dry_run = false;
  bool detach = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("profile", options.blueprint.profile, "a profile file, or the name of a VM in -f")
      ->type_name("PROFILE|NAME");
  add_config_option(app, options.blueprint.common);
  app.add_flag("--dry-run", options.dry_run,
               "print the whole plan and change nothing; -v: each task");
  add_json_option(app, options.blueprint.common);
  add_input_option(app, options.blueprint.common);
  add_set_option(app, options.blueprint.common);
  app.add_option("--accel", options.blueprint.accelerator, "instead of the profile's accelerator")
      ->type_name("ACCEL")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}));
  app.add_flag("--console", options.blueprint.console,
               "join the guest's serial console; Ctrl-] leaves it");
  app.add_flag("--detach", options.detach, "return when the guest runs");
  add_verbose_option(app, options.blueprint.common);
}

std::optional<std::string> contradiction(const Options& options) {
  // Asked here, not by the parser, which would complain of this before a mistyped option.
  if (options.blueprint.profile.empty()) return "a profile or the name of a VM is wanted";
  if (options.dry_run) return std::nullopt;
  if (options.blueprint.common.json) return "--json goes with --dry-run";
  if (!options.blueprint.common.input.empty())
    return "--input goes with --dry-run: it is another machine";
  if (options.detach && options.blueprint.console)
    return "--console needs a terminal, --detach gives it up";
  return std::nullopt;
}

void print_warnings(const Problems& problems) {
  for (const Problem& problem : problems)
    if (problem.severity == Severity::warning) log(Level::info, to_string(problem));
}

LaunchOptions how_to_launch(const Options& options) {
  const BlueprintOptions& blueprint = options.blueprint;
  return {blueprint.console, blueprint.common.verbose,
          launch_arguments(blueprint, blueprint.profile)};
}

}  // namespace

int cmd_launch(int argc, char** argv) {
  Options options;
  CLI::App app("Runs one VM to completion: CPUs taken, threads placed and proven, then the guest.");
  add_options(app, options);
  if (const auto code = parse_options(app, argc, argv,
                                      "  kvmrt-launch /etc/kvmrt/line3.yaml\n"
                                      "  kvmrt-launch --dry-run --set realtime.priority=2 line3"))
    return *code;
  if (const auto wrong = contradiction(options)) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", argv[0], *wrong, argv[0]);
    return static_cast<int>(ExitCode::usage);
  }
  std::signal(SIGPIPE, SIG_IGN);
  set_log(argv[0], options.blueprint.common.verbose);
  if (auto left = take_inheritance())
    return static_cast<int>(resume(options.blueprint, how_to_launch(options), std::move(*left)));
  options.blueprint.dry_run = options.dry_run;
  Blueprint blueprint = make_blueprint(options.blueprint);
  if (options.dry_run) return print_dry_run(blueprint, options.blueprint.common);
  if (!has_error(blueprint.problems)) print_warnings(blueprint.problems);
  set_log(fmt::format("{}: {}", argv[0], blueprint.profile.name), options.blueprint.common.verbose);
  const LaunchOptions how = how_to_launch(options);
  if (options.detach) return launch_detached(std::move(blueprint), how);
  return static_cast<int>(launch(std::move(blueprint), how, {}));
}

}  // namespace kvmrt::launcher
