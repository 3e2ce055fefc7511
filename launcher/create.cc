// SPDX-License-Identifier: MIT
#include "launcher/create.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <iterator>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/configured.h"
#include "launcher/planning.h"
#include "partition/suggest.h"
#include "profiles/show.h"
#include "profiles/store.h"
#include "profiles/template.h"

namespace kvmrt::launcher {
namespace {

using Where = partition::EmulatorRequest::Where;
using profiles::Node;
using profiles::TemplateValues;

std::string quoted(const std::string& text) { return profiles::yaml_scalar(Node::string(text)); }

/// A path given at the command line is meant from here; in the profile it would start at its
/// folder.
std::string from_here(const std::string& path) {
  return quoted(std::filesystem::absolute(path).lexically_normal());
}

/// CPUs that neither a running nor a configured VM has.
Checked<partition::Suggestion> suggestion_for(const CreateOptions& options, Where emulator) {
  auto input = planning_input(options.common, load_policy(options.common), {}, Devices::all);
  std::error_code ignored;
  if (std::filesystem::exists(options.common.config, ignored))
    input.configured =
        neighbourhood(profiles::load_usable(options.common.config), options.common).configured;
  return partition::suggest(input, options.vcpus, emulator);
}

void give_suggestion(const partition::Suggestion& suggestion, TemplateValues& values) {
  std::vector<std::string> notes{"Suggested from this host's topology:"};
  for (const std::string& reason : suggestion.reasons) notes.push_back("  " + reason + ".");
  values["cpuset"] = {quoted(suggestion.plan.cpuset.list()), std::move(notes)};
  values["rt"] = {"true", {}};
}

/// The best room that the host has: with a CPU for the emulator threads, else without.
void find_cpus(const CreateOptions& options, TemplateValues& values) {
  const auto own = suggestion_for(options, Where::rule);
  if (own) return give_suggestion(*own, values);
  const auto shared = suggestion_for(options, Where::housekeeping);
  if (shared) {
    give_suggestion(*shared, values);
    values["realtime.emulator_cpuset"] = {
        "housekeeping", {"No CPU is left for emulator threads alone; they share the host's."}};
    return;
  }
  if (options.rt) throw Refused(shared.problems());
  for (const Problem& problem : shared.problems())
    fmt::print(stderr, "the VM is not real-time: {}\n", problem.message);
  values["rt"] = {"false", {"When the profile was made, the host had no CPUs for a real-time VM."}};
}

void place(const CreateOptions& options, TemplateValues& values) {
  if (!options.cpuset.empty()) {
    values["cpuset"] = {quoted(options.cpuset), {}};
    values["rt"] = {options.no_rt ? "false" : "true", {}};
  } else if (!options.no_rt) {
    find_cpus(options, values);
  }
}

std::string disk_list(const std::vector<std::string>& paths) {
  std::string items;
  for (const std::string& path : paths)
    items += fmt::format("{}{{path: {}}}", items.empty() ? "" : ", ", from_here(path));
  return "[" + items + "]";
}

TemplateValues values_of(const CreateOptions& options) {
  TemplateValues values;
  if (options.vcpus != 1) values["nr_vcpus"] = {std::to_string(options.vcpus), {}};
  if (!options.memory.empty()) values["memory.size"] = {quoted(options.memory), {}};
  if (!options.disks.empty()) values["disks"] = {disk_list(options.disks), {}};
  if (!options.kernel.empty()) values["boot.kernel"] = {from_here(options.kernel), {}};
  if (!options.initrd.empty()) values["boot.initrd"] = {from_here(options.initrd), {}};
  if (!options.cmdline.empty()) values["boot.cmdline"] = {quoted(options.cmdline), {}};
  place(options, values);
  return values;
}

}  // namespace

void create_profile(const CreateOptions& options) {
  const auto path = profiles::new_profile_path(profile_folder(options.common), options.name);
  if (!path) throw Refused(path.problems());
  add_profile(options.common, options.name, *path,
              profiles::template_profile(options.name, values_of(options)));
  fmt::print("{}\n", *path);
}

}  // namespace kvmrt::launcher
