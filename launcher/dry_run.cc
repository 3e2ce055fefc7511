// SPDX-License-Identifier: MIT
#include "launcher/dry_run.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/change_groups.h"
#include "launcher/launch.h"
#include "launcher/plan_json.h"
#include "launcher/state_folder.h"
#include "launcher/tpm.h"
#include "partition/keeper.h"

namespace kvmrt::launcher {
namespace {

partition::Transition changes_of(const Blueprint& blueprint, bool this_host) {
  const partition::Lease lease = lease_of(blueprint);
  if (!this_host)
    return partition::Keeper::preview_on(blueprint.topology, {lease}, blueprint.policy);
  const partition::Keeper keeper(partition::this_host(), state_root());
  return keeper.preview({lease}, blueprint.policy);
}

std::string or_none(const std::string& text) { return text.empty() ? "none" : text; }

std::string or_any(const partition::CpuSet& cpus) { return cpus.empty() ? "any" : cpus.list(); }

void print_threads(const partition::VmPlan& plan) {
  fmt::print("\nThreads:\n  {:<10} {:<16} {:<12} {:<6} {}\n", "CLASS", "NAME", "CPUS", "POLICY",
             "PRIORITY");
  for (const partition::ThreadPlan& thread : plan.threads) {
    fmt::print("  {:<10} {:<16} {:<12} {:<6} {}\n", to_string(thread.thread_class), thread.name,
               thread.cpus.empty() ? "any" : thread.cpus.list(),
               to_string(thread.scheduling.policy), thread.scheduling.priority);
  }
}

void print_changes(const std::vector<partition::Change>& changes, bool verbose) {
  fmt::print("\nHost changes, in this order: {}\n",
             changes.empty() ? "none" : std::to_string(changes.size()));
  for (const partition::Change& change : verbose ? changes : grouped(changes)) {
    fmt::print("  {}: {} -> {}  ({}{})\n", change.knob, or_none(change.before),
               or_none(change.after), change.reason,
               change.disturbs ? "; disturbs other RT guests" : "");
  }
}

void print_text(const Blueprint& blueprint, const std::vector<partition::Change>& changes,
                bool verbose) {
  const partition::VmPlan& plan = blueprint.plan;
  fmt::print("VM {}: {}, {} vCPU{}\n", plan.name, plan.rt ? "real-time" : "not real-time",
             blueprint.profile.nr_vcpus, blueprint.profile.nr_vcpus == 1 ? "" : "s");
  fmt::print("  owned CPUs         {}\n  of these offline   {}\n  emulator CPUs      {}\n",
             or_none(plan.owned_cpus.list()), or_none(plan.offline_cpus.list()),
             plan.emulator_cpus.empty() ? "any" : plan.emulator_cpus.list());
  fmt::print("  housekeeping CPUs  {}\n  memory from nodes  {}\n",
             or_none(plan.housekeeping_cpus.list()),
             plan.numa_nodes.empty() ? "any" : plan.numa_nodes.list());
  print_threads(plan);
  print_changes(changes, verbose);
  if (!blueprint.profile.tpm.empty())
    fmt::print("\nTPM, on CPUs {}, in {}:\n  {}\n", or_any(tpm_cpus(plan)),
               tpm_state_of(plan.name).string(), to_shell(tpm_command()));
  fmt::print("\nQEMU:\n  {}\n", to_shell(blueprint.invocation.argv));
  if (blueprint.problems.empty()) return;
  fmt::print("\nProblems:\n");
  for (const Problem& problem : blueprint.problems) fmt::print("{}\n", to_string(problem));
}

}  // namespace

int print_dry_run(const Blueprint& blueprint, const CommonOptions& common) {
  const bool refused = has_error(blueprint.problems);
  partition::Transition transition;
  if (!refused) transition = changes_of(blueprint, common.input.empty());
  Problems problems = blueprint.problems;
  problems.insert(problems.end(), transition.problems.begin(), transition.problems.end());
  if (common.json) {
    const auto made =
        plan_json(blueprint.plan, blueprint.invocation.argv, transition.changes, problems);
    fmt::print("{}\n", made.dump(2));
  } else if (refused) {
    throw Refused(problems);
  } else {
    Blueprint shown = blueprint;
    shown.problems = std::move(problems);
    print_text(shown, transition.changes, common.verbose);
  }
  return static_cast<int>(refused ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
