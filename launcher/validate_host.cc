// SPDX-License-Identifier: MIT
#include "launcher/validate_host.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <iterator>

#include "base/error.h"
#include "launcher/required.h"
#include "partition/checks/host_view.h"
#include "partition/checks/live_facts.h"
#include "partition/checks/view_topology.h"
#include "partition/checks/wanted.h"
#include "partition/keeper.h"
#include "partition/planner.h"
#include "profiles/host_file.h"
#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

using partition::checks::HostView;
using partition::checks::Status;
using partition::checks::WantedVm;

bool is_live(const ValidateHostOptions& options) {
  return options.root.empty() || options.root == "/";
}

void refuse_unknown_ids(const std::vector<std::string>& ids) {
  const auto all = partition::checks::catalogue();
  Problems problems;
  for (const std::string& id : ids) {
    const auto same = [&](const auto& check) { return check.id == id; };
    if (std::any_of(all.begin(), all.end(), same)) continue;
    Problem problem;
    problem.code = "unknown-check";
    problem.message =
        fmt::format("no check '{}'; there are {} … {}", id, all.front().id, all.back().id);
    problem.hint = "kvmrt-validate-host -v shows all";
    problems.push_back(std::move(problem));
  }
  if (!problems.empty()) throw Refused(std::move(problems));
}

/// Without -f, and without the default folder, the host is judged in general. The profiles of this
/// machine say nothing about another one.
std::string profiles_of(const ValidateHostOptions& options) {
  if (options.config_named) return options.common.config;
  std::error_code error;
  const auto path = is_live(options)
                        ? std::filesystem::path(options.common.config)
                        : std::filesystem::path(options.root) /
                              std::filesystem::path(options.common.config).relative_path();
  return std::filesystem::exists(path, error) ? path.string() : "";
}

partition::HostPolicy policy_beside(const std::string& config) {
  std::error_code error;
  const std::filesystem::path path(config);
  const auto folder = std::filesystem::is_directory(path, error) ? path : path.parent_path();
  return required(profiles::load_host_file((folder / "host.yaml").string()));
}

std::vector<partition::Lease> live_leases(const ValidateHostOptions& options) {
  if (!is_live(options)) return {};
  const partition::Keeper keeper(partition::this_host(), partition::default_run_dir());
  auto leases = keeper.leases();
  std::erase_if(leases, [&](const partition::Lease& lease) { return !keeper.alive(lease); });
  return leases;
}

/// A broken profile is told of, and the host judged for the others.
std::vector<profiles::Profile> usable_profiles(const std::string& config, Problems& problems) {
  profiles::Usable all = profiles::load_usable(config);
  if (all.profiles.empty() && has_error(all.problems)) throw Refused(std::move(all.problems));
  std::move(all.problems.begin(), all.problems.end(), std::back_inserter(problems));
  return std::move(all.profiles);
}

/// Plans all of them; a VM that runs already keeps the plan of its lease.
std::vector<WantedVm> plan_for(const HostView& host, const ValidateHostOptions& options,
                               const std::vector<profiles::Profile>& all,
                               partition::HostPolicy policy, Problems& problems) {
  partition::PlanningInput input;
  input.topology = partition::checks::topology_of(host);
  input.policy = std::move(policy);
  input.running = live_leases(options);
  for (const profiles::Profile& profile : all)
    input.configured.push_back(profiles::request_of(profile, true));
  for (const auto& lease : input.running) input.taken_offline |= lease.plan.offline_cpus;
  auto planned = partition::plan_all(input);
  std::move(planned.problems.begin(), planned.problems.end(), std::back_inserter(problems));
  std::vector<WantedVm> vms;
  for (std::size_t i = 0; i < all.size(); ++i) {
    WantedVm vm{input.configured[i], planned.plans[i], all[i].latency.budget_us, {}};
    for (const auto& lease : input.running) {
      if (lease.vm != vm.request.name) continue;
      vm.plan = lease.plan;
      if (lease.qemu) vm.qemu = lease.qemu->pid;
    }
    vms.push_back(std::move(vm));
  }
  for (const profiles::Profile& profile : all) profiles::locate(problems, profile);
  std::erase_if(problems, [](const Problem& p) { return p.severity != Severity::error; });
  return vms;
}

}  // namespace

Status HostVerdict::verdict() const {
  return has_error(problems) ? Status::failed : partition::checks::verdict_of(results);
}

HostVerdict validate_host(const ValidateHostOptions& options) {
  refuse_unknown_ids(options.ids);
  const auto host = partition::checks::open_host(
      options.root, is_live(options) ? partition::checks::live_facts(options.sample)
                                     : partition::checks::FactFiles{});
  const std::string config = profiles_of(options);
  HostVerdict verdict;
  std::vector<WantedVm> vms;
  if (!config.empty())
    vms = plan_for(*host, options, usable_profiles(config, verdict.problems), policy_beside(config),
                   verdict.problems);
  const auto wanted =
      partition::checks::wanted_of(*host, vms, config.empty() ? options.common.config : config);
  verdict.results = partition::checks::run_checks(*host, wanted, options.ids);
  return verdict;
}

}  // namespace kvmrt::launcher
