// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/validate_host.h"
#include "partition/checks/report.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-validate-host -f /etc/kvmrt/line3.yaml --sample 10\n"
    "  kvmrt-validate-host --id C1,C3,S6 -v\n"
    "  kvmrt-validate-host --root customer.host -f line3.yaml\n\n"
    "Each check is ok, warning, failed, unknown (said why) or not applicable.\n"
    "Exit status: 0 ok or warnings, 3 failed.";

/// Of the terminal, but no wider than reads well; 100 where there is none.
std::size_t columns() {
  constexpr std::size_t kMost = 100;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kMost;
  return std::min<std::size_t>(size.ws_col, kMost);
}

partition::checks::TableStyle style_of(const ValidateHostOptions& options) {
  partition::checks::TableStyle style;
  style.all = options.common.verbose || !options.ids.empty();
  // https://no-color.org: set and not empty.
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  style.colour = ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
  style.width = columns();
  return style;
}

void print(const HostVerdict& verdict, const ValidateHostOptions& options) {
  if (options.common.json) {
    fmt::print("{}", partition::checks::as_json(verdict.results, verdict.problems));
    return;
  }
  fmt::print("{}",
             partition::checks::as_table(verdict.results, verdict.problems, style_of(options)));
}

}  // namespace

int cmd_validate_host(int argc, char** argv) {
  ValidateHostOptions options;
  unsigned sample = 0;
  CLI::App app("Is this host fit for its real-time VMs, and if not, what is to be changed?");
  add_config_option(app, options.common);
  app.add_option("--id", options.ids, "only these checks, as H5,C3")
      ->type_name("ID[,ID...]")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--sample", sample, "count interrupts and SMIs for so long (H11, I4); default 0")
      ->type_name("SECONDS")
      ->check(CLI::Range(0U, 3600U));
  app.add_option("--root", options.root,
                 "judge another host: a folder that holds its /proc and /sys, or a text snapshot "
                 "as scripts/capture-host makes it")
      ->type_name("DIR|FILE");
  add_json_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  options.config_named = app.count("--config") > 0;
  options.sample = std::chrono::seconds(sample);
  const HostVerdict verdict = validate_host(options);
  print(verdict, options);
  return static_cast<int>(verdict.verdict() == partition::checks::Status::failed ? ExitCode::refused
                                                                                 : ExitCode::done);
}

}  // namespace kvmrt::launcher
