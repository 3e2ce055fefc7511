// SPDX-License-Identifier: MIT
#include "launcher/blueprint.h"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/devices_check.h"
#include "launcher/devices_disk.h"
#include "launcher/devices_lock.h"
#include "launcher/latency/gate.h"
#include "launcher/machine_firmware.h"
#include "launcher/machine_probe.h"
#include "launcher/network_links.h"
#include "launcher/planning.h"
#include "launcher/preflight_network.h"
#include "launcher/preflight_pci.h"
#include "launcher/required.h"
#include "launcher/several.h"
#include "launcher/state_folder.h"
#include "launcher/tpm.h"
#include "partition/device_wish.h"
#include "partition/drivers.h"
#include "partition/links.h"
#include "profiles/host_file.h"
#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;
using profiles::Profile;

bool is_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.ends_with(".yaml") || text.ends_with(".yml");
}

Problem problem(std::string code, std::string message, std::string hint) {
  Problem made;
  made.code = std::move(code);
  made.message = std::move(message);
  made.hint = std::move(hint);
  return made;
}

std::string names_of(const std::vector<Profile>& profiles) {
  std::string text;
  for (const Profile& profile : profiles) text += (text.empty() ? "" : ", ") + profile.name;
  return text;
}

Profile only_one(std::vector<Profile> profiles, const std::string& path) {
  if (profiles.size() == 1) return std::move(profiles.front());
  throw Refused({problem(
      "which-vm", fmt::format("{} holds {} VMs: {}", path, profiles.size(), names_of(profiles)),
      fmt::format("name one: kvmrt-launch -f {} NAME", path))});
}

void append(Problems& problems, Problems more) {
  for (Problem& one : more) problems.push_back(std::move(one));
}

Accelerator accelerator_of(const std::string& wanted, Blueprint& made) {
  const auto chosen = choose_accelerator(wanted, probe_accelerator());
  append(made.problems, chosen.problems());
  return chosen ? chosen.value() : Accelerator::kvm;
}

bool loadable(const std::string& module) {
  utsname kernel{};
  ::uname(&kernel);
  const auto known =
      read_file_if_any(fs::path("/lib/modules") / kernel.release / "modules.dep").value_or("");
  return known.find("/" + module + ".ko") != std::string::npos;
}

/// Loading a module disturbs real-time guests that run, so the first of them brings what the other
/// configured VMs need. What those cannot have on this host is no reason to refuse this one.
bool needs_vfio(const partition::VmRequest& request,
                const std::vector<partition::VmRequest>& configured) {
  if (!request.pci.empty()) return true;
  const bool others = request.rt && std::any_of(configured.begin(), configured.end(),
                                                [](const auto& vm) { return !vm.pci.empty(); });
  return others && loadable("vfio-pci");
}

/// What is made with the lease.
void wish_devices(Blueprint& made, bool vfio) {
  auto& devices = made.request.pci;
  for (const partition::LinkRequest& link : links_of(made.profile))
    devices.push_back(
        partition::device_wish(partition::link_knob(link.name), partition::to_text(link)));
  if (vfio)
    devices.push_back(
        partition::device_wish(partition::module_knob("vfio_pci"), partition::kLoaded));
}

void plan_cpus(Blueprint& made, const CommonOptions& common,
               std::vector<partition::VmRequest> configured) {
  const bool asks = made.request.rt || !made.profile.pci.empty();
  partition::PlanningInput input = planning_input(
      common, made.policy, made.profile.pci, Devices::named, asks ? Facts::wanted : Facts::none);
  input.configured = std::move(configured);
  partition::PlanResult result = partition::plan(input, made.request);
  made.plan = std::move(result.plan);
  made.topology = std::move(input.topology);
  append(made.problems, std::move(result.problems));
  wish_devices(made, needs_vfio(made.request, input.configured));
}

/// Of a binary that cannot be run, nothing: the preflight says so in the profile's terms.
QemuVersion version_of(const std::string& binary) {
  try {
    return probe_version(find_program(binary), state_root());
  } catch (const SystemError&) {
    return {};
  }
}

/// A dry run needs no rights; that a launch will is worth knowing.
Problems without_rights(Problems problems) {
  for (Problem& problem : problems)
    if (about_rights(problem)) problem.severity = Severity::warning;
  return problems;
}

/// The variable store is made at the start, not here: a dry run leaves nothing behind.
void find_firmware(Blueprint& made, Surroundings& around) {
  if (made.profile.boot.firmware != "uefi") return;
  const auto firmware = find_uefi();
  if (!firmware) {
    Problem none = problem("uefi-not-found", "there is no UEFI firmware for guests on this host",
                           "apt-get install ovmf");
    none.key = "boot.firmware";
    return made.problems.push_back(std::move(none));
  }
  around.uefi_code = firmware->code;
  around.uefi_vars = variable_store_of(made.profile.name);
}

void find_backing(Blueprint& made, Surroundings& around) {
  int index = 0;
  for (const profiles::Disk& disk : made.profile.disks) {
    const std::string key = fmt::format("disks[{}].path", index++);
    if (disk.path.empty() || image_format(disk) != "qcow2") continue;
    ImageChain chain = probe_chain(disk.path);
    for (Problem& problem : chain.problems) {
      problem.vm = made.profile.name;
      problem.key = key;
    }
    append(made.problems, std::move(chain.problems));
    if (!chain.layers.empty()) around.backing[disk.path] = std::move(chain.layers);
  }
}

QemuInvocation invocation_of(Blueprint& made, const BlueprintOptions& options) {
  Surroundings around;
  around.accelerator = made.accelerator;
  around.binary = made.profile.qemu.binary;
  if (options.common.input.empty()) around.qemu = version_of(made.profile.qemu.binary);
  around.state_dir = vm_folder(made.profile.name).path();
  around.console_on_socket = options.console;
  for (const profiles::Disk& disk : made.profile.disks) {
    std::error_code ignored;
    if (fs::is_block_file(disk.path, ignored)) around.block_devices.insert(disk.path);
  }
  find_firmware(made, around);
  if (options.common.input.empty()) find_backing(made, around);
  return command_line(made.profile, made.plan, around);
}

}  // namespace

Profile find_profile(const std::string& wanted, const CommonOptions& common) {
  if (is_path(wanted)) return only_one(required(profiles::load_file(wanted, common.set)), wanted);
  const profiles::Usable all = profiles::load_usable(common.config);
  const Chosen found = chosen_profiles(all, {wanted}, common.config);
  if (found.profiles.empty()) throw Refused(found.problems);
  if (common.set.empty()) return found.profiles.front();
  // Overrides are part of the file's reading, so that their errors have places too.
  for (Profile& again :
       required(profiles::load_file(found.profiles.front().place.file, common.set)))
    if (again.name == wanted) return std::move(again);
  throw Refused({problem("no-such-vm", fmt::format("--set gave {} another name", wanted), "")});
}

std::string host_file_of(const std::string& config) {
  std::error_code ignored;
  const fs::path path(config);
  const fs::path folder =
      fs::is_directory(path, ignored) || !fs::exists(path, ignored) ? path : path.parent_path();
  return folder / "host.yaml";
}

partition::HostPolicy load_policy(const CommonOptions& common) {
  return required(profiles::load_host_file(host_file_of(common.config)));
}

Neighbourhood neighbourhood(const profiles::Usable& all, const CommonOptions& common) {
  Neighbourhood around{load_policy(common), {}};
  for (const Profile& profile : all.profiles)
    around.configured.push_back(profiles::request_of(profile, true));
  return around;
}

Blueprint make_blueprint(const BlueprintOptions& options) {
  Profile profile = find_profile(options.profile, options.common);
  std::error_code ignored;
  profiles::Usable others;
  if (fs::exists(options.common.config, ignored))
    others = profiles::load_usable(options.common.config);
  return make_blueprint(std::move(profile), options, neighbourhood(others, options.common));
}

Blueprint make_blueprint(Profile profile, const BlueprintOptions& options,
                         const Neighbourhood& around) {
  Blueprint made;
  made.profile = std::move(profile);
  made.policy = around.policy;
  if (!options.accelerator.empty()) made.profile.qemu.accel = options.accelerator;
  append(made.problems, profiles::unbuilt(made.profile));
  append(made.problems, check_devices(made.profile));
  made.accelerator = accelerator_of(made.profile.qemu.accel, made);
  const bool kvm = made.accelerator == Accelerator::kvm;
  made.request = profiles::request_of(made.profile, kvm);
  plan_cpus(made, options.common, around.configured);
  if (!has_error(made.problems)) made.invocation = invocation_of(made, options);
  append(made.problems, check_image_locks(made.invocation.handovers));
  if (options.common.input.empty() && !has_error(made.problems)) {
    Problems network = network_problems(made.profile, probe_network(made.profile));
    append(made.problems,
           options.dry_run ? without_rights(std::move(network)) : std::move(network));
    append(made.problems, tpm_problems(made.profile));
    append(made.problems, pci_problems(made.profile, probe_pci(made.profile),
                                       read_file_if_any("/proc/cmdline").value_or("")));
    const auto facts = probe_preflight(made.profile, made.plan, made.invocation, kvm);
    auto permit = preflight(made.profile, made.plan, kvm, facts);
    append(made.problems, options.dry_run ? without_rights(permit.problems()) : permit.problems());
    if (permit) made.permit = std::move(permit).value();
  }
  append(made.problems, latency::gate_problems(made.profile, made.plan));
  profiles::locate(made.problems, made.profile);
  return made;
}

}  // namespace kvmrt::launcher
