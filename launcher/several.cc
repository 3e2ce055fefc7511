// SPDX-License-Identifier: MIT
#include "launcher/several.h"

#include <algorithm>
#include <fmt/core.h>

#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

Problem unknown_vm(const std::string& name, const std::string& config) {
  Problem problem;
  problem.code = "no-such-vm";
  problem.message = fmt::format("no VM named {} in {}", name, config);
  problem.hint = "kvmrt-stat lists those that are configured";
  return problem;
}

}  // namespace

int worst_of(const std::vector<int>& codes) {
  for (const ExitCode first : {ExitCode::not_restored, ExitCode::failed}) {
    if (std::find(codes.begin(), codes.end(), static_cast<int>(first)) != codes.end())
      return static_cast<int>(first);
  }
  return codes.empty() ? 0 : *std::max_element(codes.begin(), codes.end());
}

std::vector<profiles::Profile> chosen_profiles(const CommonOptions& common,
                                               const std::vector<std::string>& names) {
  auto all = profiles::load(common.config, common.set);
  if (!all) throw Refused(all.problems());
  std::vector<profiles::Profile> chosen;
  if (names.empty()) {
    std::copy_if(all->begin(), all->end(), std::back_inserter(chosen),
                 [](const profiles::Profile& p) { return p.autostart; });
    return chosen;
  }
  Problems unknown;
  for (const std::string& name : names) {
    const auto found = std::find_if(all->begin(), all->end(),
                                    [&](const profiles::Profile& p) { return p.name == name; });
    if (found == all->end())
      unknown.push_back(unknown_vm(name, common.config));
    else
      chosen.push_back(*found);
  }
  if (!unknown.empty()) throw Refused(unknown);
  return chosen;
}

}  // namespace kvmrt::launcher
