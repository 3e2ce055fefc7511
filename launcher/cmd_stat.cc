// SPDX-License-Identifier: MIT
#include <cstdio>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/options.h"
#include "launcher/stat.h"
#include "launcher/stat_noise.h"

namespace kvmrt::launcher {
namespace {

struct Options {
  CommonOptions common;
  std::vector<std::string> names;
  bool threads = false;
  bool noise = false;
  bool metrics = false;
  unsigned watch_s = 0;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("name", options.names, "only these VMs")->type_name("NAME");
  app.add_flag("-t,--threads", options.threads,
               "a row for every thread, and whether it is as planned");
  app.add_flag("--noise", options.noise,
               "what kept the vCPUs waiting, since the start and in the last interval");
  app.add_flag("--openmetrics", options.metrics,
               "metrics, for a node exporter's textfile collector");
  app.add_option("-w,--watch", options.watch_s, "show it again every so many seconds (default 2)")
      ->type_name("SECONDS")
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(1U, 3600U));
  add_config_option(app, options.common);
  add_json_option(app, options.common);
  add_verbose_option(app, options.common);
}

std::string contradiction(const Options& options) {
  if (options.metrics && (options.noise || options.threads || options.common.json))
    return "--openmetrics is a form of its own, without --noise, -t and --json";
  if (options.noise && options.threads) return "either --noise or -t";
  return "";
}

void show(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

void clear_screen() {
  if (::isatty(STDOUT_FILENO) != 0) fmt::print("\033[H\033[2J");
}

void print_once(const Options& options) {
  Problems problems;
  const auto vms = gather_stat(options.common, options.names, options.threads, &problems);
  for (const Problem& problem : problems) fmt::print(stderr, "{}\n", to_string(problem));
  if (options.metrics) return show(stat_metrics(vms));
  show(options.common.json ? stat_json(vms, options.threads) : stat_table(vms, options.threads));
}

/// An interval needs two readings: one second apart, or as -w says.
void print_noise(const Options& options) {
  auto before = read_noise(gather_stat(options.common, options.names, false));
  do {
    ::sleep(options.watch_s > 0 ? options.watch_s : 1);
    const auto vms = gather_stat(options.common, options.names, false);
    const auto noise = gather_noise(vms, before);
    if (options.watch_s > 0) clear_screen();
    show(options.common.json ? stat_noise_json(vms, noise) : noise_tables(vms, noise));
    before = read_noise(vms);
  } while (options.watch_s > 0);
}

}  // namespace

int cmd_stat(int argc, char** argv) {
  Options options;
  CLI::App app("Shows the state of all VMs, configured or running.");
  add_options(app, options);
  if (const auto code = parse_options(app, argc, argv,
                                      "  kvmrt-stat -t line3\n"
                                      "  kvmrt-stat --noise -w 10 line3"))
    return *code;
  if (const std::string wrong = contradiction(options); !wrong.empty()) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", argv[0], wrong, argv[0]);
    return static_cast<int>(ExitCode::usage);
  }
  if (options.noise) return print_noise(options), 0;
  print_once(options);
  while (options.watch_s > 0) {
    ::sleep(options.watch_s);
    clear_screen();
    print_once(options);
  }
  return 0;
}

}  // namespace kvmrt::launcher
