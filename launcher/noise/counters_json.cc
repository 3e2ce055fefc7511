// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "launcher/noise/counters.h"

namespace kvmrt::launcher::noise {
namespace {

using nlohmann::json;
using partition::CpuSet;

json to_json(const VcpuCounters& vcpu) {
  return {{"index", vcpu.index},
          {"tid", vcpu.tid.value()},
          {"cpus", vcpu.cpus.list()},
          {"run_time", vcpu.run_time.count()},
          {"run_delay", vcpu.run_delay.count()},
          {"slices", vcpu.slices},
          {"involuntary", vcpu.involuntary_switches},
          {"major_faults", vcpu.major_faults},
          {"longest_wait", vcpu.longest_wait ? json(vcpu.longest_wait->count()) : json()},
          {"exits", vcpu.exits}};
}

json to_json(const TaskCounters& task) {
  return {{"tid", task.tid.value()},
          {"start_time", task.start_time},
          {"name", task.name},
          {"kernel", task.kernel},
          {"cpus", task.cpus.list()},
          {"elsewhere", task.elsewhere},
          {"last_cpu", task.last_cpu.value()},
          {"run_time", task.run_time.count()},
          {"slices", task.slices}};
}

json to_json(CpuId cpu, const CpuCounters& counters) {
  return {{"cpu", cpu.value()},
          {"interrupts", counters.interrupts},
          {"softirqs", counters.softirqs},
          {"smis", counters.smis ? json(*counters.smis) : json()}};
}

VcpuCounters vcpu_from(const json& text) {
  VcpuCounters vcpu;
  vcpu.index = text.at("index");
  vcpu.tid = Tid(text.at("tid").get<int>());
  vcpu.cpus = CpuSet::from_list(text.at("cpus").get<std::string>()).value();
  vcpu.run_time = nanoseconds(text.at("run_time").get<std::int64_t>());
  vcpu.run_delay = nanoseconds(text.at("run_delay").get<std::int64_t>());
  vcpu.slices = text.at("slices");
  vcpu.involuntary_switches = text.at("involuntary");
  vcpu.major_faults = text.at("major_faults");
  if (const json& longest = text.at("longest_wait"); !longest.is_null())
    vcpu.longest_wait = nanoseconds(longest.get<std::int64_t>());
  vcpu.exits = text.at("exits").get<std::map<std::string, std::uint64_t>>();
  return vcpu;
}

TaskCounters task_from(const json& text) {
  TaskCounters task;
  task.tid = Tid(text.at("tid").get<int>());
  task.start_time = text.at("start_time");
  task.name = text.at("name");
  task.kernel = text.at("kernel");
  task.cpus = CpuSet::from_list(text.at("cpus").get<std::string>()).value();
  task.elsewhere = text.at("elsewhere");
  task.last_cpu = CpuId(text.at("last_cpu").get<int>());
  task.run_time = nanoseconds(text.at("run_time").get<std::int64_t>());
  task.slices = text.at("slices");
  return task;
}

CpuCounters cpu_from(const json& text) {
  CpuCounters cpu;
  cpu.interrupts = text.at("interrupts").get<std::map<std::string, std::uint64_t>>();
  cpu.softirqs = text.at("softirqs").get<std::map<std::string, std::uint64_t>>();
  if (const json& smis = text.at("smis"); !smis.is_null()) cpu.smis = smis.get<std::uint64_t>();
  return cpu;
}

}  // namespace

std::string counters_to_json(const Counters& counters) {
  json made{{"at", counters.at.count()},
            {"at_ticks", counters.at_ticks},
            {"vcpus", json::array()},
            {"cpus", json::array()},
            {"tasks", json::array()}};
  for (const VcpuCounters& vcpu : counters.vcpus) made["vcpus"].push_back(to_json(vcpu));
  for (const auto& [cpu, counted] : counters.cpus) made["cpus"].push_back(to_json(cpu, counted));
  for (const TaskCounters& task : counters.tasks) made["tasks"].push_back(to_json(task));
  // Names of tasks are bytes of anybody's choice.
  return made.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Counters> counters_from_json(std::string_view text) {
  try {
    const json read = json::parse(text);
    Counters counters;
    counters.at = nanoseconds(read.at("at").get<std::int64_t>());
    counters.at_ticks = read.at("at_ticks");
    for (const json& vcpu : read.at("vcpus")) counters.vcpus.push_back(vcpu_from(vcpu));
    for (const json& cpu : read.at("cpus"))
      counters.cpus[CpuId(cpu.at("cpu").get<int>())] = cpu_from(cpu);
    for (const json& task : read.at("tasks")) counters.tasks.push_back(task_from(task));
    return counters;
  } catch (const std::exception&) {  // json's own and bad_optional_access
    return std::nullopt;
  }
}

}  // namespace kvmrt::launcher::noise
