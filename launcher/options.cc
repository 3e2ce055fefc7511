// SPDX-License-Identifier: MIT
#include "launcher/options.h"

#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace kvmrt::launcher {
namespace {

constexpr std::size_t kColumn = 28;  ///< where descriptions begin

/// CLI11's own layout, without its "OPTIONS" usage decoration.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kColumn); }
};

/// A line of help in 80 columns; what does not fit goes on below, an option's in the column of the
/// descriptions.
std::string wrapped(std::string line) {
  constexpr std::size_t kWidth = 80;
  const std::string indent(line.starts_with(' ') ? kColumn : 0, ' ');
  std::string text;
  while (line.size() > kWidth) {
    const std::size_t space = line.rfind(' ', kWidth);
    if (space == std::string::npos || space <= indent.size()) break;
    text += line.substr(0, space) + "\n";
    line = indent + line.substr(space + 1);
  }
  return text + line + "\n";
}

std::string in_80_columns(const std::string& help) {
  std::string text;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) text += wrapped(line);
  return text;
}

}  // namespace

void add_config_option(CLI::App& app, CommonOptions& options) {
  app.add_option("-f,--config", options.config,
                 "profile file, or folder of them (default /etc/kvmrt)")
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
  app.add_option("--input", options.input, "another machine: hwloc XML file, or a description")
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
    std::cout << in_80_columns(app.help());
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
