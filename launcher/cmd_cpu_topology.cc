// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/commands.h"
#include "launcher/planning.h"
#include "launcher/problem_json.h"
#include "launcher/topology_json.h"
#include "partition/explain.h"
#include "partition/suggest.h"
#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-cpu-topology --suggest 2\n"
    "  kvmrt-cpu-topology --input \"pack:2 [numa] core:10 pu:2\" --json\n\n"
    "CPUs of running VMs and of the profiles of -f, if there are any, are taken.\n"
    "Exit status: 0, or 3 without room for --suggest or with a profile that cannot be read.";

struct Options {
  CommonOptions common;
  bool config_named = false;
  int suggest = 0;
};

/// The host, with the VMs that a suggestion must keep away from. A broken profile costs the
/// suggestion its own CPUs only, and is told of in `problems`.
partition::PlanningInput look(const Options& options, Problems& problems) {
  const bool profiles_there =
      options.config_named || std::filesystem::exists(options.common.config);
  partition::HostPolicy policy;
  if (profiles_there) policy = load_policy(options.common);
  auto input = planning_input(options.common, std::move(policy), {}, Devices::all);
  if (options.suggest == 0 || !profiles_there) return input;
  profiles::Usable all = profiles::load_usable(options.common.config);
  for (const profiles::Profile& profile : all.profiles)
    input.configured.push_back(profiles::request_of(profile, true));
  problems = std::move(all.problems);
  std::erase_if(problems, [](const Problem& p) { return p.severity != Severity::error; });
  return input;
}

partition::TreeMarks marks_of(const partition::PlanningInput& input) {
  partition::TreeMarks marks;
  partition::CpuSet owned;
  for (const partition::Lease& lease : input.running) {
    owned |= lease.plan.owned_cpus;
    for (const CpuId cpu : lease.plan.owned_cpus.members()) marks.owners[cpu] = lease.vm;
  }
  for (const partition::Service& service : input.policy.services)
    owned |= input.topology.with_siblings(service.cpus);
  marks.housekeeping = input.topology.online() - input.topology.isolated() - owned;
  return marks;
}

void print_text(const partition::PlanningInput& input,
                const std::optional<partition::Suggestion>& suggestion) {
  fmt::print("{}", partition::explain_topology(input.topology, marks_of(input)));
  if (!suggestion) return;
  fmt::print("\nSuggested cpuset: {}\n", suggestion->plan.cpuset.list());
  for (const std::string& reason : suggestion->reasons) fmt::print("    {}\n", reason);
}

}  // namespace

int cmd_cpu_topology(int argc, char** argv) {
  Options options;
  CLI::App app("Shows packages, NUMA nodes, cores and CPUs of this host as a tree.");
  app.add_option("--suggest", options.suggest, "propose a cpuset for an RT VM of N vCPUs")
      ->type_name("N")
      ->check(CLI::Range(1, partition::BitSet::kMaxId).description(""));
  add_config_option(app, options.common);
  add_input_option(app, options.common);
  add_json_option(app, options.common);
  add_verbose_option(app, options.common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  options.config_named = app.count("--config") > 0;
  Problems problems;
  const auto input = look(options, problems);
  for (const Problem& problem : problems) fmt::print(stderr, "{}\n", to_string(problem));
  std::optional<partition::Suggestion> suggestion;
  if (options.suggest > 0) {
    auto made = partition::suggest(input, options.suggest);
    if (!made) throw Refused(made.problems());
    suggestion = std::move(made).value();
  }
  if (options.common.json)
    fmt::print("{}", json_text(topology_json(input.topology, marks_of(input), suggestion)));
  else
    print_text(input, suggestion);
  return static_cast<int>(problems.empty() ? ExitCode::done : ExitCode::refused);
}

}  // namespace kvmrt::launcher
