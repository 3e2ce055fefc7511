// SPDX-License-Identifier: MIT
#include "launcher/stat.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fmt/core.h>
#include <map>

#include "base/error.h"
#include "launcher/guest.h"
#include "launcher/proof.h"
#include "launcher/several.h"
#include "profiles/load.h"

namespace kvmrt::launcher {
namespace {

std::string cpuset_text(const partition::Choice<partition::CpuSet>& choice) {
  return choice.is_auto() ? "auto" : choice.set.list();
}

VmStat configured_only(const profiles::Profile& profile) {
  VmStat stat;
  stat.state.name = profile.name;
  stat.state.uuid = profile.uuid;
  stat.state.status = VmStatus::stopped;
  stat.state.nr_vcpus = profile.nr_vcpus;
  stat.state.rt = profile.rt;
  stat.state.rt_memory = profile.rt_memory;
  stat.cpuset = cpuset_text(profile.cpuset);
  return stat;
}

std::vector<ThreadStat> threads_of(const VmState& state) {
  const Pid qemu = state.qemu->pid;
  const auto facts = list_all(qemu).together();
  std::vector<std::string> iothreads;
  for (const auto& [id, tid] : state.reported.iothreads) iothreads.push_back(id);
  const auto classes = classify(qemu, list_threads(qemu), list_kernel_helpers(qemu), state.reported,
                                static_cast<int>(state.reported.vcpus.size()), iothreads);
  std::vector<ThreadStat> threads;
  if (!classes) return threads;
  for (const ThreadSetting& setting :
       wanted(*classes, state.plan, state.promoted ? Promotion::done : Promotion::not_yet)) {
    const auto found = std::find_if(facts.begin(), facts.end(),
                                    [&](const ThreadFacts& f) { return f.tid == setting.tid; });
    if (found != facts.end()) threads.push_back({*found, setting, meets(*found, setting)});
  }
  return threads;
}

VmStat stat_of(VmState state, bool with_threads) {
  VmStat stat;
  stat.qemu_alive = state.qemu && alive(*state.qemu);
  stat.supervised = alive(state.supervisor);
  stat.cpuset = state.plan.cpuset.list();
  if (stat.qemu_alive) {
    stat.locked = memory_of(state.qemu->pid).locked_and_huge();
    if (state.started_at > 0)
      stat.uptime_s = std::max<std::int64_t>(0, std::time(nullptr) - state.started_at);
    if (with_threads) stat.threads = threads_of(state);
  }
  stat.state = std::move(state);
  return stat;
}

std::map<std::string, VmStat> all_stats(const CommonOptions& common, bool with_threads,
                                        Problems* problems) {
  std::map<std::string, VmStat> stats;
  std::error_code ignored;
  if (std::filesystem::exists(common.config, ignored)) {
    const profiles::Usable all = profiles::load_usable(common.config);
    for (const profiles::Profile& profile : all.profiles)
      stats[profile.name] = configured_only(profile);
    if (problems != nullptr) *problems = all.problems;
  }
  for (const std::string& name : vm_names()) {
    if (auto state = present_state(vm_folder(name)))
      stats[name] = stat_of(std::move(*state), with_threads);
  }
  return stats;
}

}  // namespace

std::vector<VmStat> gather_stat(const CommonOptions& common, const std::vector<std::string>& names,
                                bool with_threads, Problems* problems) {
  auto all = all_stats(common, with_threads, problems);
  std::vector<VmStat> list;
  for (auto& [name, stat] : all) list.push_back(std::move(stat));
  std::vector<VmStat> wanted;
  const auto name_of = [](const VmStat& stat) { return stat.state.name; };
  for (const VmStat* stat :
       chosen(list, names, name_of, common.config + " nor among those that run"))
    wanted.push_back(*stat);
  return wanted;
}

}  // namespace kvmrt::launcher
