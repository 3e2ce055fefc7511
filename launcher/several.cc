// SPDX-License-Identifier: MIT
#include "launcher/several.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace kvmrt::launcher {
int worst_of(const std::vector<int>& codes) {
  for (const ExitCode first : {ExitCode::not_restored, ExitCode::failed}) {
    if (std::find(codes.begin(), codes.end(), static_cast<int>(first)) != codes.end())
      return static_cast<int>(first);
  }
  return codes.empty() ? 0 : *std::max_element(codes.begin(), codes.end());
}

Problem no_such_vm(const std::string& name, const std::string& where,
                   const std::vector<std::string>& there) {
  Problem problem;
  problem.code = "no-such-vm";
  problem.vm = name;
  problem.message = fmt::format("no VM named {} in {} (there: {})", name, where,
                                there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", ")));
  problem.hint = "-f PATH names another folder or file of profiles";
  return problem;
}

Chosen chosen_profiles(const profiles::Usable& all, const std::vector<std::string>& names,
                       const std::string& where) {
  Chosen made;
  if (names.empty()) {
    std::copy_if(all.profiles.begin(), all.profiles.end(), std::back_inserter(made.profiles),
                 [](const profiles::Profile& p) { return p.autostart; });
    made.broken = all.broken;
    made.problems = all.problems;
    return made;
  }
  std::vector<std::string> sound;
  for (const std::string& name : names) {
    if (std::find(all.broken.begin(), all.broken.end(), name) == all.broken.end())
      sound.push_back(name);
    else
      made.broken.push_back(name);
  }
  try {
    if (!sound.empty())
      for (const profiles::Profile* profile : chosen(
               all.profiles, sound, [](const auto& p) { return p.name; }, where))
        made.profiles.push_back(*profile);
  } catch (const Refused& refused) {
    // The name may stand in a file that is no YAML; then that is what to say first.
    Problems problems = all.problems;
    problems.insert(problems.end(), refused.problems().begin(), refused.problems().end());
    throw Refused(std::move(problems));
  }
  const auto concerns = [&](const Problem& problem) {
    return problem.vm.empty() ? !made.broken.empty()
                              : std::find(names.begin(), names.end(), problem.vm) != names.end();
  };
  std::copy_if(all.problems.begin(), all.problems.end(), std::back_inserter(made.problems),
               concerns);
  return made;
}

}  // namespace kvmrt::launcher
