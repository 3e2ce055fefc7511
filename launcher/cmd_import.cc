// SPDX-License-Identifier: MIT
// kvmrt import: profiles out of libvirt domain XML and kvmrt.cfg.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "launcher/commands.h"
#include "launcher/configured.h"
#include "launcher/import_report.h"
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
Problems problems_of_changed(const CommonOptions& common,
                             const std::vector<profiles::ImportResult>& results) {
  using Outcome = profiles::ImportResult::Outcome;
  std::vector<std::string> changed;
  for (const profiles::ImportResult& result : results) {
    if (result.outcome == Outcome::created || result.outcome == Outcome::updated)
      changed.push_back(result.name);
  }
  return problems_of(common, changed);
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
  request.folder = profile_folder(common);
  const auto results = profiles::run_import(request);
  print(common, results, request.dry_run ? Problems() : problems_of_changed(common, results));
  return static_cast<int>(profiles::any_failed(results) ? ExitCode::refused : ExitCode::done);
}

}  // namespace kvmrt::launcher
