// SPDX-License-Identifier: MIT
#include "launcher/boot.h"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>
#include <optional>
#include <poll.h>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/detach.h"
#include "launcher/launch.h"
#include "launcher/log.h"
#include "launcher/progress.h"
#include "launcher/several.h"
#include "launcher/unit.h"
#include "launcher/vm_state.h"
#include "partition/keeper.h"
#include "partition/probe.h"

namespace kvmrt::launcher {
namespace {

using Clock = std::chrono::steady_clock;

/// One VM on its way up.
struct Start {
  Blueprint blueprint;
  std::optional<Detached> supervisor;
  std::optional<UnitJob> unit;
  Clock::time_point since = Clock::now();
  std::optional<int> code;

  [[nodiscard]] const std::string& name() const { return blueprint.profile.name; }
  [[nodiscard]] int fd() const { return unit ? unit->fd() : supervisor->fd(); }
  int outcome() { return unit ? unit->outcome() : supervisor->outcome(); }
};

bool runs_already(const std::string& vm) {
  const auto state = present_state(vm_folder(vm));
  return state && state->status != VmStatus::stopped && state->status != VmStatus::failed &&
         state->status != VmStatus::unsupervised;
}

void print_problems(const Problems& problems) {
  for (const Problem& problem : problems) log(Level::info, to_string(problem));
}

void refuse(const std::string& vm, std::vector<int>& codes) {
  fmt::print("{}: refused\n", vm);
  codes.push_back(static_cast<int>(ExitCode::refused));
}

/// What is wrong with the files themselves: a broken one costs its own VMs only.
void report_broken(const Chosen& chosen, std::vector<int>& codes) {
  print_problems(chosen.problems);
  for (const std::string& vm : chosen.broken) refuse(vm, codes);
  // A file that is no YAML at all has no names to refuse.
  if (has_error(chosen.problems)) codes.push_back(static_cast<int>(ExitCode::refused));
}

/// Blueprints of all VMs that can start; the others get their exit code at once.
std::vector<Start> prepare(const BootOptions& options, std::vector<int>& codes) {
  const profiles::Usable all = profiles::load_usable(options.common.config);
  Chosen chosen = chosen_profiles(all, options.names, options.common.config);
  report_broken(chosen, codes);
  const Neighbourhood around = neighbourhood(all, options.common);
  BlueprintOptions how;
  how.common = options.common;
  std::vector<Start> starts;
  for (profiles::Profile& profile : chosen.profiles) {
    if (runs_already(profile.name)) {
      fmt::print("{}: runs already\n", profile.name);
      continue;
    }
    Blueprint blueprint = make_blueprint(std::move(profile), how, around);
    print_problems(blueprint.problems);
    if (has_error(blueprint.problems))
      refuse(blueprint.profile.name, codes);
    else
      starts.push_back(Start{std::move(blueprint), {}, {}, Clock::now(), {}});
  }
  return starts;
}

/// CPUs for all of them at once. Where VMs cannot run together (their profiles overlap), each takes
/// its own at its start, so that the first come gets them and the others are refused by name.
bool take_all(partition::Keeper& keeper, const std::vector<Start>& starts) {
  std::vector<partition::Lease> leases;
  for (const Start& start : starts) leases.push_back(lease_of(start.blueprint));
  make_state_root();
  partition::keep_topology(state_root(), starts.front().blueprint.topology);
  const auto taken = keeper.acquire(leases, starts.front().blueprint.policy);
  print_problems(taken.problems());
  return taken.ok();
}

LaunchOptions how_to_launch(const BootOptions& options, const std::string& vm) {
  BlueprintOptions again;
  again.common = options.common;
  return {false, options.common.verbose, launch_arguments(again, vm)};
}

void begin(Start& start, const BootOptions& options, Progress& progress) {
  progress.line(fmt::format("{}: starting", start.name()));
  if (by_systemd(options.common.config)) {
    start.unit.emplace("start", start.name());
    return;
  }
  set_log(fmt::format("kvmrt-launch: {}", start.name()), options.common.verbose);
  start.supervisor.emplace(start.blueprint, how_to_launch(options, start.name()));
  set_log("kvmrt-boot", options.common.verbose);
}

void report(Start& start, Progress& progress) {
  start.code = start.outcome();
  const auto took = std::chrono::duration<double>(Clock::now() - start.since).count();
  if (*start.code == 0)
    progress.line(fmt::format("{}: running ({:.1f} s)", start.name(), took));
  else
    progress.line(fmt::format("{}: failed, exit code {} ({:.1f} s){}", start.name(), *start.code,
                              took, start.unit ? "; see journalctl -u kvmrt@" + start.name() : ""));
}

void wait_for_all(std::vector<Start>& starts, Progress& progress) {
  while (true) {
    std::vector<pollfd> waiting;
    std::vector<Start*> of;
    std::vector<std::string> names;
    for (Start& start : starts) {
      if (start.code) continue;
      waiting.push_back({start.fd(), POLLIN, 0});
      of.push_back(&start);
      names.push_back(start.name());
    }
    if (waiting.empty()) return;
    progress.waiting_for(names);
    if (::poll(waiting.data(), waiting.size(), progress.patience()) < 0) continue;
    for (std::size_t i = 0; i < waiting.size(); ++i)
      if (waiting[i].revents != 0) report(*of[i], progress);
  }
}

/// Leases that no supervisor took over.
void drop_unused(partition::Keeper& keeper, const std::vector<Start>& starts) {
  for (const partition::Lease& lease : keeper.leases()) {
    const bool ours = lease.supervisor == own_process() &&
                      std::any_of(starts.begin(), starts.end(),
                                  [&](const Start& s) { return s.name() == lease.vm; });
    if (ours) keeper.release(lease.vm);
  }
}

}  // namespace

int boot(const BootOptions& options) {
  std::vector<int> codes;
  std::vector<Start> starts = prepare(options, codes);
  if (starts.empty()) {
    if (codes.empty()) fmt::print("nothing to start\n");
    return worst_of(codes);
  }
  partition::Keeper keeper(partition::this_host(), state_root());
  const bool together = take_all(keeper, starts);
  if (!together) log(Level::info, "these VMs cannot all have their CPUs; starting them one by one");
  Progress progress;
  for (Start& start : starts) {
    begin(start, options, progress);
    if (!together) report(start, progress);
  }
  wait_for_all(starts, progress);
  drop_unused(keeper, starts);
  for (const Start& start : starts) codes.push_back(*start.code);
  return worst_of(codes);
}

}  // namespace kvmrt::launcher
