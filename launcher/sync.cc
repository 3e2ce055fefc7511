// SPDX-License-Identifier: MIT
#include "launcher/sync.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/import_report.h"
#include "launcher/tool.h"
#include "launcher/unit.h"
#include "launcher/vfio_reserve.h"
#include "profiles/import_run.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using Kind = SyncStep::Kind;

constexpr std::string_view kWants = "/etc/systemd/system/kvmrt.target.wants";
constexpr std::string_view kUnitFile = "/lib/systemd/system/kvmrt@.service";
constexpr std::string_view kPrefix = "kvmrt@";
constexpr std::string_view kSuffix = ".service";

std::string link_of(const std::string& vm) {
  return fmt::format("{}/{}{}{}", kWants, kPrefix, vm, kSuffix);
}

/// "line3" of "kvmrt@line3.service"; "" for anything else.
std::string vm_of(std::string_view link) {
  if (!link.starts_with(kPrefix) || !link.ends_with(kSuffix)) return "";
  link.remove_prefix(kPrefix.size());
  link.remove_suffix(kSuffix.size());
  return std::string(link);
}

void add_unit_steps(const profiles::Usable& all, const SyncState& now,
                    std::vector<SyncStep>& steps) {
  std::set<std::string> keep(all.broken.begin(), all.broken.end());
  std::set<std::string> configured;
  for (const profiles::Profile& profile : all.profiles) {
    configured.insert(profile.name);
    if (!profile.autostart) continue;
    keep.insert(profile.name);
    if (!now.wanted.contains(profile.name))
      steps.push_back({Kind::link, link_of(profile.name), std::string(kUnitFile),
                       fmt::format("{}: started with kvmrt.target from now on", profile.name)});
  }
  // The names in a file that is no YAML are unknown; its VMs may be among those that are wanted.
  const bool unreadable = std::any_of(all.problems.begin(), all.problems.end(), [](const auto& p) {
    return p.severity == Severity::error && p.vm.empty();
  });
  for (const std::string& vm : now.wanted) {
    if (keep.contains(vm)) continue;
    if (unreadable && !configured.contains(vm)) continue;
    steps.push_back({Kind::remove, link_of(vm), "",
                     fmt::format("{}: no longer started with kvmrt.target, {}", vm,
                                 configured.contains(vm) ? "its profile says autostart: false"
                                                         : "it has no profile")});
  }
}

SyncState look(const fs::path& root) {
  SyncState now;
  std::error_code error;
  for (fs::directory_iterator at(root / kWants.substr(1), error), end; !error && at != end;
       at.increment(error)) {
    if (const std::string vm = vm_of(at->path().filename().native()); !vm.empty())
      now.wanted.insert(vm);
  }
  now.reserve_rule =
      read_file_if_any(root / std::string_view(kReserveRulePath).substr(1)).value_or("");
  return now;
}

void carry_out(const SyncStep& step, const fs::path& root) {
  const fs::path path = root / std::string_view(step.path).substr(1);
  std::error_code error;
  if (step.kind == Kind::remove) {
    if (!fs::remove(path, error) && error) throw SystemError("remove", path, error.value());
    return;
  }
  fs::create_directories(path.parent_path(), error);
  if (error) throw SystemError("create", path.parent_path(), error.value());
  if (step.kind == Kind::file) return replace_file(path, step.content, 0644);
  if (::symlink(step.content.c_str(), path.c_str()) != 0 && errno != EEXIST)
    throw_errno("link", path);
}

/// systemd reads units again, udev sees changed rules by itself.
void tell_the_system(const std::vector<SyncStep>& steps) {
  const bool units = std::any_of(steps.begin(), steps.end(), [](const SyncStep& step) {
    return step.path.starts_with(kWants);
  });
  if (units) tell_systemd({"daemon-reload"});
  for (const SyncStep& step : steps) {
    if (step.path == kReserveRulePath)
      fmt::print(
          "devices are reserved when the host boots the next time, or by "
          "'udevadm trigger --action=add --subsystem-match=pci'\n");
  }
}

int renew(const SyncOptions& options) {
  profiles::ImportRequest request;
  request.folder = options.common.config;
  const auto results = profiles::reimport(request);
  fmt::print("{}", import_text(results, options.common.verbose));
  if (results.empty()) fmt::print("{}: no imported profile\n", request.folder);
  return static_cast<int>(profiles::any_failed(results) ? ExitCode::refused : ExitCode::done);
}

/// Units start the profiles of /etc/kvmrt; what stands elsewhere is nothing to sync with.
std::string config_of(const SyncOptions& options) {
  if (options.root != "/")
    return fs::path(options.root) / fs::path(options.common.config).relative_path();
  if (is_installed_folder(options.common.config)) return options.common.config;
  Problem problem;
  problem.code = "not-installed";
  problem.message = fmt::format("-f: {} is not /etc/kvmrt, whose profiles the units start",
                                options.common.config);
  problem.hint = "move the profiles there, or start them with 'kvmrt boot -f'";
  throw Refused({problem});
}

}  // namespace

std::vector<SyncStep> sync_steps(const profiles::Usable& all, const SyncState& now) {
  std::vector<SyncStep> steps;
  add_unit_steps(all, now, steps);
  const std::string rule = reserve_rule(all.profiles);
  // A profile that does not load may be the one that names the device.
  if (rule == now.reserve_rule || has_error(all.problems)) return steps;
  if (rule.empty())
    steps.push_back(
        {Kind::remove, kReserveRulePath, "", "no device is reserved for VFIO any more"});
  else
    steps.push_back({Kind::file, kReserveRulePath, rule,
                     fmt::format("devices reserved for VFIO: {}", kReserveRulePath)});
  return steps;
}

int sync_config(const SyncOptions& options) {
  if (options.reimport) return renew(options);
  const profiles::Usable all = profiles::load_usable(config_of(options));
  for (const Problem& problem : all.problems) fmt::print(stderr, "{}\n", to_string(problem));
  const auto steps = sync_steps(all, look(options.root));
  for (const SyncStep& step : steps) {
    carry_out(step, options.root);
    fmt::print("{}\n", step.says);
  }
  if (steps.empty()) fmt::print("all is in line with the profiles\n");
  if (options.root == "/") tell_the_system(steps);
  return static_cast<int>(has_error(all.problems) ? ExitCode::refused : ExitCode::done);
}

int sync_after_change(const CommonOptions& common) {
  if (!is_installed_folder(common.config)) return static_cast<int>(ExitCode::done);
  SyncOptions options;
  options.common = common;
  return sync_config(options);
}

}  // namespace kvmrt::launcher
