// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/file.h"
#include "launcher/latency/command.h"
#include "launcher/latency/evidence.h"
#include "launcher/latency/gate.h"
#include "launcher/latency/guest_run.h"
#include "launcher/latency/host.h"
#include "launcher/latency/plot.h"
#include "launcher/log.h"
#include "launcher/options.h"

namespace kvmrt::launcher {
namespace {

struct Options {
  CommonOptions common;
  std::string what;
  std::vector<std::string> arguments;
  std::string cpus;
  latency::HostOptions host;
  int budget_us = -1;
  std::string tool = "own";
  std::string accelerator, image, plot, bundle;
  std::vector<std::string> compare;
};

constexpr const char* kExample =
    "  kvmrt-latency host --cpus 2-3 --duration 60 --load --plot host.svg\n"
    "  kvmrt-latency guest line3 --duration 600 --load --json > line3.json\n"
    "  kvmrt-latency --compare before.json line3.json\n"
    "  kvmrt-latency diff bundle-monday bundle-tuesday\n\n"
    "Exit status: 4 when a wake-up came later than the budget.";

void add_measuring(CLI::App& app, Options& options) {
  app.add_option("-D,--duration", options.host.seconds, "how long to measure (default 10)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 604800.0));
  app.add_option("--interval", options.host.interval_us, "between wake-ups (default 1000)")
      ->type_name("US")
      ->check(CLI::Range(50, 1000000));
  app.add_option("--priority", options.host.priority,
                 "SCHED_FIFO priority of what is measured (default 80)")
      ->type_name("N")
      ->check(CLI::Range(1, 99));
  app.add_option("--budget", options.budget_us,
                 "the longest wake-up that is allowed; guest: instead of the profile's")
      ->type_name("US")
      ->check(CLI::Range(0, 1000000));
  app.add_flag("--load", options.host.load,
               "stress-ng on the CPUs that are not measured, meanwhile");
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("what", options.what, "host, guest or diff")->type_name("host|guest|diff");
  app.add_option("arguments", options.arguments,
                 "guest: a profile, or the name of a VM; diff: two bundles")
      ->type_name("...");
  app.add_option("--cpus", options.cpus, "host: measure these (default: all it may use)")
      ->type_name("LIST");
  add_measuring(app, options);
  app.add_option("--tool", options.tool, "host: own or cyclictest (default own)")
      ->type_name("TOOL")
      ->check(CLI::IsMember({"own", "cyclictest"}));
  app.add_option("--tracer", options.host.tracer,
                 "host: the kernel's hwlat, osnoise or timerlat beside it")
      ->type_name("NAME")
      ->check(CLI::IsMember({"hwlat", "osnoise", "timerlat"}));
  app.add_option("--image", options.image, "guest: folder of the measuring guest")
      ->type_name("DIR");
  app.add_option("--accel", options.accelerator, "guest: instead of the profile's accelerator")
      ->type_name("ACCEL")
      ->check(CLI::IsMember({"auto", "kvm", "tcg"}));
  app.add_option("--plot", options.plot, "draw the histograms: FILE.svg or FILE.png")
      ->type_name("FILE");
  app.add_option("--bundle", options.bundle, "keep report and evidence in this new folder")
      ->type_name("DIR");
  app.add_option("--compare", options.compare, "two reports of --json, side by side")
      ->type_name("A B")
      ->expected(2);
  add_config_option(app, options.common);
  add_set_option(app, options.common);
  add_json_option(app, options.common);
  add_verbose_option(app, options.common);
}

/// "" when all is well.
std::string contradiction(const Options& options) {
  if (!options.compare.empty())
    return options.what.empty() ? "" : "--compare measures nothing, so it stands alone";
  if (options.what == "host")
    return options.arguments.empty() ? "" : "host takes no argument; CPUs are named with --cpus";
  if (options.what == "guest")
    return options.arguments.size() == 1 ? "" : "guest wants one profile or name";
  if (options.what == "diff") return options.arguments.size() == 2 ? "" : "diff wants two bundles";
  return options.what.empty() ? "host, guest or diff is wanted"
                              : "'" + options.what + "' is none of host, guest, diff";
}

partition::CpuSet cpus_of(const std::string& text) {
  auto cpus = partition::CpuSet::from_list(text);
  if (cpus && (!cpus->empty() || text.empty())) return *cpus;
  Problem wrong;
  wrong.code = "bad-cpu-list";
  wrong.key = "--cpus";
  wrong.message = fmt::format("'{}' is no list of CPUs such as 0,2,4-7", text);
  throw Refused({wrong});
}

latency::Report measure(Options& options) {
  latency::stop_on_signals();
  if (options.what == "host") {
    options.host.cpus = cpus_of(options.cpus);
    options.host.cyclictest = options.tool == "cyclictest";
    options.host.budget_us = std::max(0, options.budget_us);
    return latency::measure_host(options.host);
  }
  latency::GuestOptions guest;
  guest.common = options.common;
  guest.profile = options.arguments.front();
  guest.accelerator = options.accelerator;
  guest.image = options.image;
  guest.wish = {options.host.seconds, options.host.interval_us, options.host.priority};
  guest.budget_us = options.budget_us;
  guest.load = options.host.load;
  return latency::measure_guest(guest);
}

int show(const Options& options, const latency::Report& report) {
  fmt::print("{}",
             options.common.json ? latency::report_to_json(report) : latency::report_table(report));
  if (!options.plot.empty()) latency::plot(report, options.plot);
  if (!options.bundle.empty())
    latency::write_bundle(options.bundle, latency::gather_evidence(), report);
  return static_cast<int>(report.over_budget().empty() ? ExitCode::done : ExitCode::not_as_planned);
}

latency::Report load_report(const std::string& path) {
  try {
    return latency::report_from_json(read_file(path));
  } catch (const SystemError&) {
    throw;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", path, error.what()));
  }
}

int compare(const std::vector<std::string>& names) {
  fmt::print("{}",
             latency::compare(names[0], load_report(names[0]), names[1], load_report(names[1])));
  return static_cast<int>(ExitCode::done);
}

}  // namespace

int cmd_latency(int argc, char** argv) {
  Options options;
  CLI::App app("Measures wake-up latency on this host's CPUs, or inside a guest on them.");
  add_options(app, options);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  if (const std::string wrong = contradiction(options); !wrong.empty()) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", argv[0], wrong, argv[0]);
    return static_cast<int>(ExitCode::usage);
  }
  if (!options.compare.empty()) return compare(options.compare);
  if (options.what == "diff") {
    fmt::print("{}", latency::diff_bundles(options.arguments[0], options.arguments[1]));
    return static_cast<int>(ExitCode::done);
  }
  set_log(argv[0], options.common.verbose);
  try {
    return show(options, measure(options));
  } catch (const latency::EndedBefore& ended) {
    log(Level::error, ended.what());
    return static_cast<int>(ended.code());
  }
}

}  // namespace kvmrt::launcher
