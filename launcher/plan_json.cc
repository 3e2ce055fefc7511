// SPDX-License-Identifier: MIT
#include "launcher/plan_json.h"

#include <nlohmann/json.hpp>

#include "launcher/problem_json.h"

namespace kvmrt::launcher {

using nlohmann::ordered_json;

namespace {

ordered_json thread_json(const partition::ThreadPlan& thread) {
  ordered_json json;
  json["class"] = to_string(thread.thread_class);
  json["index"] = thread.index ? ordered_json(*thread.index) : ordered_json(nullptr);
  json["name"] = thread.name;
  json["cpus"] = thread.cpus.list();
  json["policy"] = to_string(thread.scheduling.policy);
  json["priority"] = thread.scheduling.priority;
  return json;
}

}  // namespace

ordered_json changes_json(const std::vector<partition::Change>& changes) {
  ordered_json list = ordered_json::array();
  for (const partition::Change& change : changes) {
    ordered_json json;
    json["knob"] = change.knob;
    json["before"] = change.before;
    json["after"] = change.after;
    json["reason"] = change.reason;
    json["disturbs"] = change.disturbs;
    list.push_back(std::move(json));
  }
  return list;
}

ordered_json plan_json(const partition::VmPlan& plan, const std::vector<std::string>& qemu_argv,
                       const std::vector<partition::Change>& changes, const Problems& problems) {
  ordered_json json;
  json["name"] = plan.name;
  json["qemu_argv"] = qemu_argv;
  ordered_json threads = ordered_json::array();
  for (const partition::ThreadPlan& thread : plan.threads) threads.push_back(thread_json(thread));
  json["threads"] = std::move(threads);
  json["cpuset"] = plan.cpuset.list();
  json["emulator_cpus"] = plan.emulator_cpus.list();
  json["owned_cpus"] = plan.owned_cpus.list();
  json["offline_cpus"] = plan.offline_cpus.list();
  json["housekeeping_cpus"] = plan.housekeeping_cpus.list();
  json["numa_nodes"] = plan.numa_nodes.list();
  json["host_changes"] = changes_json(changes);
  json["problems"] = problems_json(problems);
  return json;
}

}  // namespace kvmrt::launcher
