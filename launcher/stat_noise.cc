// SPDX-License-Identifier: MIT
#include "launcher/stat_noise.h"

#include <algorithm>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launcher/noise/ledger.h"
#include "launcher/noise/read.h"
#include "launcher/problem_json.h"

namespace kvmrt::launcher {
namespace {

using noise::Counters;
using noise::VmNoise;

const VmNoise* noise_of(const std::vector<VmNoise>& all, const std::string& vm) {
  const auto found = std::ranges::find(all, vm, &VmNoise::vm);
  return found == all.end() ? nullptr : &*found;
}

bool same_guest(const Counters& before, const Counters& now) {
  return !before.vcpus.empty() && !now.vcpus.empty() &&
         before.vcpus.front().tid == now.vcpus.front().tid;
}

}  // namespace

std::vector<Counters> read_noise(const std::vector<VmStat>& vms) {
  std::vector<Counters> all;
  for (const VmStat& vm : vms)
    all.push_back(vm.qemu_alive ? noise::read_counters(vm.state, noise::Depth::all) : Counters());
  return all;
}

std::vector<VmNoise> gather_noise(const std::vector<VmStat>& vms,
                                  const std::vector<Counters>& before) {
  std::vector<VmNoise> all;
  for (std::size_t i = 0; i < vms.size(); ++i) {
    if (!vms[i].qemu_alive) continue;
    const auto ledger = noise::read_ledger(vm_folder(vms[i].state.name));
    if (!ledger) continue;  // its guest has not begun
    VmNoise made;
    made.vm = vms[i].state.name;
    made.budget = ledger->budget;
    made.now = noise::read_counters(vms[i].state, noise::Depth::all);
    made.since_start = noise::noise_since_start(*ledger, made.now);
    if (i < before.size() && same_guest(before[i], made.now))
      made.interval = noise::noise_between(before[i], made.now, made.budget);
    all.push_back(std::move(made));
  }
  return all;
}

std::string noise_tables(const std::vector<VmStat>& vms, const std::vector<VmNoise>& noise) {
  std::string text;
  for (const VmStat& vm : vms) {
    const VmNoise* found = noise_of(noise, vm.state.name);
    text += found != nullptr
                ? noise::noise_table(*found)
                : fmt::format("{}\n {}: no ledger\n", vm.state.name, to_string(vm.state.status));
  }
  return text;
}

std::string stat_noise_json(const std::vector<VmStat>& vms, const std::vector<VmNoise>& noise) {
  auto made = nlohmann::ordered_json::parse(stat_json(vms, false));
  for (auto& vm : made["vms"]) {
    const VmNoise* found = noise_of(noise, vm["name"]);
    vm["noise"] = found != nullptr ? noise::noise_json(*found) : nlohmann::ordered_json(nullptr);
  }
  return json_text(made);
}

std::string stat_metrics(const std::vector<VmStat>& vms) {
  std::vector<noise::VmMetrics> all;
  const auto noise = gather_noise(vms, {});
  for (const VmStat& vm : vms) {
    noise::VmMetrics made{vm.state.name, to_string(vm.state.status),
                          vm.qemu_alive, vm.locked.count(),
                          vm.uptime_s,   {}};
    if (const VmNoise* found = noise_of(noise, made.vm)) made.noise = *found;
    all.push_back(std::move(made));
  }
  return noise::metrics_text(all);
}

}  // namespace kvmrt::launcher
