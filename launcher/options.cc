// SPDX-License-Identifier: MIT
#include "launcher/options.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace kvmrt::launcher {
namespace {

/// CLI11's own layout, without its "OPTIONS" usage decoration.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }
};

}  // namespace

void add_config_option(CLI::App& app, CommonOptions& options) {
  app.add_option("-f,--config", options.config,
                 "a profile file or a folder of them (default /etc/kvmrt)")
      ->type_name("PATH");
}

void add_verbose_option(CLI::App& app, CommonOptions& options) {
  app.add_flag("-v,--verbose", options.verbose, "say more of what is done");
}

void add_json_option(CLI::App& app, CommonOptions& options) {
  app.add_flag("--json", options.json, "print JSON");
}

void add_set_option(CLI::App& app, CommonOptions& options) {
  app.add_option("--set", options.set, "override a key of the profile; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_input_option(CLI::App& app, CommonOptions& options) {
  app.add_option("--input", options.input,
                 "plan for another machine: an hwloc XML file or a synthetic description")
      ->type_name("SOURCE");
}

std::optional<int> parse_options(CLI::App& app, int argc, char** argv, const std::string& example) {
  const std::string name = argc > 0 ? argv[0] : "kvmrt";
  app.name(name);
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag();
  app.set_help_flag("--help", "print this help and exit");
  app.set_version_flag("--version", name + " " + KVMRT_VERSION, "print the version and exit");
  app.footer("Example:\n" + example);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return static_cast<int>(ExitCode::done);
  } catch (const CLI::CallForVersion&) {
    std::cout << name << " " << KVMRT_VERSION << "\n";
    return static_cast<int>(ExitCode::done);
  } catch (const CLI::ParseError& error) {
    std::cerr << name << ": " << error.what() << "\nTry '" << name << " --help'.\n";
    return static_cast<int>(ExitCode::usage);
  }
  return std::nullopt;
}

}  // namespace kvmrt::launcher
