// SPDX-License-Identifier: MIT
// kvmrt import: profiles out of libvirt domain XML and kvmrt.cfg.
#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/import_report.h"
#include "launcher/planning.h"
#include "launcher/problem_json.h"
#include "profiles/import_run.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kExample =
    "  kvmrt-import                              every VM of /etc/libvirt/qemu\n"
    "  virsh dumpxml line3 | kvmrt-import -\n"
    "  kvmrt-import -u /etc/kvmrt.cfg            KVM-RT's configuration, joined by UUID\n\n"
    "Exit status: 0 done, 3 when a source gave no profile.";

/// The combination's problems, as validate-config shows them, of the VMs that changed.
Problems problems_of(const CommonOptions& common,
                     const std::vector<profiles::ImportResult>& results) {
  std::vector<std::string> changed;
  for (const profiles::ImportResult& result : results) {
    const auto outcome = result.outcome;
    if (outcome == profiles::ImportResult::Outcome::created ||
        outcome == profiles::ImportResult::Outcome::updated)
      changed.push_back(result.name);
  }
  if (changed.empty()) return {};
  Problems problems = plan_configuration(common).problems;
  std::erase_if(problems, [&](const Problem& problem) {
    return std::find(changed.begin(), changed.end(), problem.vm) == changed.end();
  });
  return problems;
}

void print(const CommonOptions& common, const std::vector<profiles::ImportResult>& results,
           const Problems& problems) {
  if (common.json) {
    fmt::print("{}", json_text({{"results", import_json(results)},
                                {"problems", problems_json(problems)}}));
    return;
  }
  fmt::print("{}", import_text(results, common.verbose));
  for (const Problem& problem : problems) fmt::print("{}\n", to_string(problem));
  if (results.empty()) fmt::print("no domain found\n");
}

}  // namespace

int cmd_import(int argc, char** argv) {
  CommonOptions common;
  profiles::ImportRequest request;
  CLI::App app(
      "Makes profiles out of libvirt domain XML and KVM-RT's kvmrt.cfg; no libvirt needed.");
  app.add_option("source", request.sources,
                 "domain XML files, folders of them, kvmrt.cfg files, '-' for standard input "
                 "(default: /etc/libvirt/qemu)")
      ->type_name("SOURCE");
  app.add_flag("-u,--update", request.update,
               "renew imported profiles, keeping local edits of RT keys");
  app.add_flag("-n,--dry-run", request.dry_run, "write nothing");
  add_config_option(app, common);
  add_json_option(app, common);
  add_verbose_option(app, common);
  if (const auto code = parse_options(app, argc, argv, kExample)) return *code;
  if (std::filesystem::is_regular_file(common.config)) {
    fmt::print(stderr, "{}: -f: {} is a file; an import needs a folder\n", argv[0], common.config);
    return static_cast<int>(ExitCode::usage);
  }
  request.folder = common.config;
  const auto results = profiles::run_import(request);
  print(common, results, request.dry_run ? Problems() : problems_of(common, results));
  return static_cast<int>(profiles::any_failed(results) ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
