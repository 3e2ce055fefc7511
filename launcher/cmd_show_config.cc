// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/command_line.h"
#include "launcher/commands.h"
#include "launcher/plan_json.h"
#include "launcher/planning.h"
#include "launcher/problem_json.h"
#include "launcher/state_folder.h"
#include "partition/explain.h"
#include "partition/keeper.h"
#include "profiles/show.h"

namespace kvmrt::launcher {
namespace {

using nlohmann::ordered_json;
using partition::Keeper;

constexpr const char* kExample =
    "  kvmrt-show-config line3\n"
    "  kvmrt-show-config -f line3.yaml --input \"pack:1 [numa] core:8 pu:2\" --json\n\n"
    "Exit status: 0, or 3 when a profile cannot be read or planned.";

Problems problems_of(const Configuration& all, const std::string& vm) {
  Problems own;
  for (const Problem& problem : all.problems) {
    if (problem.vm == vm || problem.vm.empty()) own.push_back(problem);
  }
  return own;
}

std::vector<partition::Change> changes_for(const Configuration& all, const ConfiguredVm& vm,
                                           bool live) {
  partition::Lease lease;
  lease.vm = vm.profile.name;
  lease.uuid = vm.profile.uuid;
  lease.plan = vm.plan;
  lease.request = profiles::request_of(vm.profile, vm.accelerator == Accelerator::kvm);
  if (!live) return Keeper::preview_on(all.input.topology, {lease}, all.input.policy).changes;
  const Keeper keeper(partition::this_host(), state_root());
  return keeper.preview({lease}, all.input.policy).changes;
}

ordered_json vm_json(const Configuration& all, const ConfiguredVm& vm, bool live) {
  const Problems problems = problems_of(all, vm.profile.name);
  std::vector<std::string> argv;
  std::vector<partition::Change> changes;
  if (!has_error(problems)) {
    Surroundings around;
    around.accelerator = vm.accelerator;
    around.state_dir = vm_folder(vm.profile.name).path();
    argv = command_line(vm.profile, vm.plan, around).argv;
    changes = changes_for(all, vm, live);
  }
  ordered_json json = plan_json(vm.plan, argv, changes, problems);
  json["profile"] = profiles::to_json(profiles::show(vm.profile));
  return json;
}

void print_text(const Configuration& all, const ConfiguredVm& vm) {
  fmt::print("{}", profiles::to_yaml(profiles::show(vm.profile)));
  fmt::print("# Plan on {}:\n", all.input.topology.source);
  const std::string plan = partition::explain_plan(vm.plan);
  for (std::size_t at = 0; at < plan.size();) {
    const auto end = plan.find('\n', at);
    fmt::print("#{}\n", plan.substr(at, end - at));
    at = end + 1;
  }
  for (const Problem& problem : problems_of(all, vm.profile.name))
    fmt::print(stderr, "{}\n", to_string(problem));
}

}  // namespace

int cmd_show_config(int argc, char** argv) {
  CommonOptions common;
  std::vector<std::string> names;
  CLI::App app("Shows profiles as interpreted, and where each thread would run.");
  app.add_option("name", names, "only these VMs")->type_name("NAME");
  add_config_option(app, common);
  add_set_option(app, common);
  add_input_option(app, common);
  add_json_option(app, common);
  add_verbose_option(app, common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  const Configuration all = plan_configuration(common);
  if (all.vms.empty() && has_error(all.problems)) throw Refused(all.problems);
  for (const Problem& problem : all.unusable) fmt::print(stderr, "{}\n", to_string(problem));
  ordered_json list = ordered_json::array();
  bool first = true;
  for (const ConfiguredVm* vm : chosen_vms(all, names, common.config)) {
    if (common.json) {
      list.push_back(vm_json(all, *vm, common.input.empty()));
      continue;
    }
    if (!std::exchange(first, false)) fmt::print("---\n");
    print_text(all, *vm);
  }
  if (common.json) fmt::print("{}", json_text({{"vms", list}}));
  return static_cast<int>(has_error(all.problems) ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
