// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/planning.h"
#include "launcher/problem_json.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-validate-config -f /etc/kvmrt\n"
    "  kvmrt-validate-config -f line3.yaml --input \"pack:2 [numa] core:10 pu:2\"\n\n"
    "Exit status: 0 without errors, 3 with errors.";

void keep_named(Problems& problems, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::erase_if(problems, [&](const Problem& problem) {
    return !problem.vm.empty() && std::find(names.begin(), names.end(), problem.vm) == names.end();
  });
}

std::string counted(std::size_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

void print_text(const Problems& problems, std::size_t vms) {
  std::size_t errors = 0;
  for (const Problem& problem : problems) {
    fmt::print("{}\n", to_string(problem));
    errors += problem.severity == Severity::error ? 1 : 0;
  }
  fmt::print("{}: {}, {}\n", counted(vms, "profile"), counted(errors, "error"),
             counted(problems.size() - errors, "warning"));
}

}  // namespace

int cmd_validate_config(int argc, char** argv) {
  CommonOptions common;
  std::vector<std::string> names;
  CLI::App app("Checks profiles, and whether this host can run them together.");
  app.add_option("name", names, "only problems of these VMs")->type_name("NAME");
  add_config_option(app, common);
  add_set_option(app, common);
  add_input_option(app, common);
  add_json_option(app, common);
  add_verbose_option(app, common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  Configuration all = plan_configuration(common);
  if (all.unusable.empty()) (void)chosen_vms(all, names, common.config);
  keep_named(all.problems, names);
  if (common.json)
    fmt::print("{}", json_text({{"problems", problems_json(all.problems)}}));
  else
    print_text(all.problems, names.empty() ? all.vms.size() : names.size());
  return static_cast<int>(has_error(all.problems) ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
