// SPDX-License-Identifier: MIT
#include "launcher/siblings.h"

#include <fmt/core.h>

#include "launcher/log.h"
#include "launcher/planning.h"
#include "launcher/state_folder.h"
#include "partition/keeper.h"
#include "partition/probe.h"

namespace kvmrt::launcher {
namespace {

partition::CpuSet siblings_of(const Configuration& all) {
  partition::CpuSet cpus;
  for (const ConfiguredVm& vm : all.vms) cpus |= vm.plan.offline_cpus;
  return cpus;
}

void print(const partition::Transition& done, bool verbose) {
  for (const Problem& problem : done.problems) log(Level::info, to_string(problem));
  if (!verbose) return;
  for (const auto& change : done.changes)
    fmt::print("  {}: {} -> {} ({})\n", change.knob, change.before, change.after, change.reason);
}

ExitCode hold(const partition::CpuSet& cpus, const partition::HostPolicy& policy, bool verbose) {
  partition::Keeper keeper(partition::this_host(), state_root());
  const auto done = keeper.hold_offline(cpus, policy);
  if (!done) throw Refused(done.problems());
  const auto held = keeper.taken_offline();
  fmt::print("{}\n", held.empty() ? std::string("no sibling is held offline")
                                  : fmt::format("siblings held offline: {}", held.list()));
  print(*done, verbose);
  return ExitCode::done;
}

}  // namespace

ExitCode hold_siblings(const CommonOptions& common) {
  const Configuration all = plan_configuration(common);
  if (has_error(all.problems)) throw Refused(all.problems);
  const auto& policy = all.input.policy;
  const bool at_boot = policy.siblings == partition::SiblingRule::at_boot;
  if (!at_boot) fmt::print("the host file does not say siblings: at-boot\n");
  make_state_root();
  // What a core's offline siblings are cannot be read any more afterwards.
  partition::keep_topology(state_root(), all.input.topology);
  return hold(at_boot ? siblings_of(all) : partition::CpuSet{}, policy, common.verbose);
}

ExitCode release_siblings(const CommonOptions& common) {
  make_state_root();
  const auto policy = plan_configuration(common).input.policy;
  return hold({}, policy, common.verbose);
}

}  // namespace kvmrt::launcher
