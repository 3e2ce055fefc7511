// SPDX-License-Identifier: MIT
// Options that several commands share, parsed and explained in one place. The form of a help text:
// usage, purpose, options, examples; --help and --version last.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kvmrt::launcher {

struct CommonOptions {
  std::string config = "/etc/kvmrt";  ///< -f: a profile file or a folder of them
  bool verbose = false;
  bool json = false;
  std::vector<std::string> set;  ///< --set key=value, in order
  std::string input;  ///< --input: hwloc XML file or synthetic description; "": this host
};

void add_config_option(CLI::App& app, CommonOptions& options);   ///< -f, --config PATH
void add_verbose_option(CLI::App& app, CommonOptions& options);  ///< -v, --verbose
void add_json_option(CLI::App& app, CommonOptions& options);     ///< --json
void add_set_option(CLI::App& app, CommonOptions& options);      ///< --set KEY=VALUE
void add_input_option(CLI::App& app, CommonOptions& options);    ///< --input SOURCE

/// Parses argv. Nothing: go on. Else the exit code to return at once: 0 after --help or --version,
/// 2 after one line on standard error that says what is wrong. `example` stands under the options.
std::optional<int> parse_options(CLI::App& app, int argc, char** argv, const std::string& example);

}  // namespace kvmrt::launcher
