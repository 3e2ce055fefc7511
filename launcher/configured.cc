// SPDX-License-Identifier: MIT
#include "launcher/configured.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

#include "base/error.h"
#include "launcher/planning.h"
#include "profiles/store.h"

namespace kvmrt::launcher {

std::string profile_folder(const CommonOptions& common) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(common.config, ignored)) return common.config;
  Problem problem;
  problem.code = "not-a-folder";
  problem.message = fmt::format("-f: {} is a file; a new profile needs a folder", common.config);
  throw Refused({problem});
}

Problems problems_of(const CommonOptions& common, const std::vector<std::string>& vms) {
  if (vms.empty()) return {};
  Problems problems = plan_configuration(common).problems;
  std::erase_if(problems, [&](const Problem& problem) {
    return std::find(vms.begin(), vms.end(), problem.vm) == vms.end();
  });
  return problems;
}

void add_profile(const CommonOptions& common, const std::string& name, const std::string& path,
                 const std::string& text) {
  const auto loaded = profiles::load_text(text, path);
  if (!loaded) throw Refused(loaded.problems());
  profiles::install_new(path, text);
  for (const Problem& problem : problems_of(common, {name}))
    fmt::print(stderr, "{}\n", to_string(problem));
}

}  // namespace kvmrt::launcher
