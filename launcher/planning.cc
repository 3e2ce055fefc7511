// SPDX-License-Identifier: MIT
#include "launcher/planning.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "launcher/blueprint.h"
#include "launcher/devices_check.h"
#include "launcher/several.h"
#include "launcher/state_folder.h"
#include "partition/keeper.h"
#include "partition/probe.h"
#include "partition/probe_facts.h"
#include "profiles/host_file.h"
#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

void append(Problems& all, Problems more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void add_leases(partition::PlanningInput& input) {
  const partition::Keeper keeper(partition::this_host(), state_root());
  for (partition::Lease& lease : keeper.leases()) {
    if (keeper.alive(lease)) input.running.push_back(std::move(lease));
  }
  input.taken_offline = keeper.taken_offline();
}

Accelerator accelerator_of(const profiles::Profile& profile, const CommonOptions& options,
                           Problems& problems) {
  if (!options.input.empty())
    return profile.qemu.accel == "tcg" ? Accelerator::tcg : Accelerator::kvm;
  auto chosen = choose_accelerator(profile.qemu.accel, probe_accelerator());
  Problems found = chosen.problems();
  for (Problem& problem : found) problem.vm = profile.name;
  append(problems, std::move(found));
  return chosen ? chosen.value() : Accelerator::kvm;
}

void own(Problems& problems, const std::string& vm) {
  for (Problem& problem : problems) problem.vm = vm;
}

/// Problems of one VM get their places from its profile; those about the whole have none.
void locate_all(Problems& problems, const std::vector<ConfiguredVm>& vms) {
  for (Problem& problem : problems) {
    for (const ConfiguredVm& vm : vms) {
      if (problem.vm.empty() || problem.vm != vm.profile.name) continue;
      Problems one{std::move(problem)};
      profiles::locate(one, vm.profile);
      problem = std::move(one.front());
      break;
    }
  }
}

void add_vm(Configuration& made, profiles::Profile profile, const CommonOptions& options) {
  ConfiguredVm vm{std::move(profile), {}, {}};
  Problems found = profiles::unbuilt(vm.profile);
  append(found, check_devices(vm.profile));
  own(found, vm.profile.name);
  append(made.problems, std::move(found));
  vm.accelerator = accelerator_of(vm.profile, options, made.problems);
  made.vms.push_back(std::move(vm));
}

}  // namespace

partition::PlanningInput planning_input(const CommonOptions& options, partition::HostPolicy policy,
                                        const std::vector<std::string>& named, Devices devices,
                                        Facts facts) {
  partition::PlanningInput input;
  input.policy = std::move(policy);
  if (!options.input.empty()) {
    auto topology = partition::topology_from(options.input);
    if (!topology) throw Refused(topology.problems());
    input.topology = std::move(topology).value();
    return input;
  }
  partition::ProbeOptions probe;
  probe.devices = named;
  probe.all_devices = devices == Devices::all;
  const auto remembered = partition::recall_topology(state_root());
  if (remembered) probe.remembered = &*remembered;
  input.topology = partition::probe_topology(probe);
  if (facts == Facts::wanted) input.facts = partition::probe_facts();
  add_leases(input);
  return input;
}

Configuration plan_configuration(const CommonOptions& options) {
  return plan_configuration(options, profiles::load_usable(options.config, options.set));
}

Configuration plan_configuration(const CommonOptions& options, profiles::Usable usable) {
  Configuration made;
  std::copy_if(usable.problems.begin(), usable.problems.end(), std::back_inserter(made.unusable),
               [](const Problem& problem) { return problem.severity == Severity::error; });
  append(made.problems, std::move(usable.problems));
  auto policy = profiles::load_host_file(host_file_of(options.config));
  append(made.problems, policy.problems());
  if (!policy) return made;
  for (profiles::Profile& profile : usable.profiles) add_vm(made, std::move(profile), options);
  std::vector<std::string> devices;
  for (const ConfiguredVm& vm : made.vms)
    devices.insert(devices.end(), vm.profile.pci.begin(), vm.profile.pci.end());
  made.input = planning_input(options, std::move(policy).value(), devices, Devices::named);
  for (const ConfiguredVm& vm : made.vms)
    made.input.configured.push_back(
        profiles::request_of(vm.profile, vm.accelerator == Accelerator::kvm));
  auto planned = partition::plan_all(made.input);
  for (std::size_t i = 0; i < made.vms.size(); ++i) made.vms[i].plan = std::move(planned.plans[i]);
  append(made.problems, std::move(planned.problems));
  locate_all(made.problems, made.vms);
  return made;
}

std::vector<const ConfiguredVm*> chosen_vms(const Configuration& all,
                                            const std::vector<std::string>& names,
                                            const std::string& where) {
  return chosen(
      all.vms, names, [](const ConfiguredVm& vm) { return vm.profile.name; }, where);
}

}  // namespace kvmrt::launcher
