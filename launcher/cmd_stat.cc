// SPDX-License-Identifier: MIT
#include <cstdio>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "launcher/commands.h"
#include "launcher/options.h"
#include "launcher/stat.h"

namespace kvmrt::launcher {
namespace {

struct Options {
  CommonOptions common;
  std::vector<std::string> names;
  bool threads = false;
  unsigned watch_s = 0;
};

void print_once(const Options& options) {
  const auto vms = gather_stat(options.common, options.names, options.threads);
  fmt::print("{}", options.common.json ? stat_json(vms, options.threads)
                                       : stat_table(vms, options.threads));
  std::fflush(stdout);
}

}  // namespace

int cmd_stat(int argc, char** argv) {
  Options options;
  CLI::App app("Shows the state of all VMs, configured or running.");
  app.add_option("name", options.names, "only these VMs")->type_name("NAME");
  app.add_flag("-t,--threads", options.threads,
               "a row for every thread, and whether it is as planned");
  app.add_option("-w,--watch", options.watch_s, "show it again every so many seconds (default 2)")
      ->type_name("SECONDS")
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(1U, 3600U));
  add_config_option(app, options.common);
  add_json_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code =
          parse_options(app, argc, argv, "  kvmrt-stat -t line3\n  kvmrt-stat --json"))
    return *code;
  print_once(options);
  while (options.watch_s > 0) {
    ::sleep(options.watch_s);
    if (::isatty(STDOUT_FILENO) != 0) fmt::print("\033[H\033[2J");
    print_once(options);
  }
  return 0;
}

}  // namespace kvmrt::launcher
