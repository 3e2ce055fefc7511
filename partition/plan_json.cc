// SPDX-License-Identifier: MIT
#include "partition/plan_json.h"

#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace kvmrt::partition {
namespace {

using nlohmann::json;

constexpr std::array kClasses{ThreadClass::emulator, ThreadClass::vcpu, ThreadClass::iothread,
                              ThreadClass::helper};
constexpr std::array kPolicies{Policy::other, Policy::fifo, Policy::rr};

/// The value whose name this is; what is not known is an error, like any other damage.
template <class Values>
typename Values::value_type value_named(const Values& values, const std::string& name) {
  for (const auto value : values)
    if (to_string(value) == name) return value;
  throw std::runtime_error("unknown name: " + name);
}

template <class Set>
Set set_of(const json& value) {
  auto set = Set::from_list(value.get<std::string>());
  if (!set) throw std::runtime_error("not an ID set: " + value.dump());
  return *set;
}

json json_of(const ThreadPlan& thread) {
  return {{"class", to_string(thread.thread_class)},
          {"index", thread.index ? json(*thread.index) : json()},
          {"name", thread.name},
          {"cpus", thread.cpus.list()},
          {"policy", to_string(thread.scheduling.policy)},
          {"priority", thread.scheduling.priority}};
}

ThreadPlan thread_of(const json& value) {
  ThreadPlan thread;
  thread.thread_class = value_named(kClasses, value.at("class").get<std::string>());
  if (!value.at("index").is_null()) thread.index = value.at("index").get<int>();
  thread.name = value.at("name").get<std::string>();
  thread.cpus = set_of<CpuSet>(value.at("cpus"));
  thread.scheduling = {value_named(kPolicies, value.at("policy").get<std::string>()),
                       value.at("priority").get<int>()};
  return thread;
}

}  // namespace

json json_of(const VmPlan& plan) {
  json threads = json::array();
  for (const ThreadPlan& thread : plan.threads) threads.push_back(json_of(thread));
  return {{"name", plan.name},
          {"rt", plan.rt},
          {"cpuset", plan.cpuset.list()},
          {"threads", std::move(threads)},
          {"emulator_cpus", plan.emulator_cpus.list()},
          {"owned_cpus", plan.owned_cpus.list()},
          {"offline_cpus", plan.offline_cpus.list()},
          {"housekeeping_cpus", plan.housekeeping_cpus.list()},
          {"numa_nodes", plan.numa_nodes.list()}};
}

VmPlan plan_of(const json& value) {
  VmPlan plan;
  plan.name = value.at("name").get<std::string>();
  plan.rt = value.at("rt").get<bool>();
  plan.cpuset = set_of<CpuSet>(value.at("cpuset"));
  for (const auto& thread : value.at("threads")) plan.threads.push_back(thread_of(thread));
  plan.emulator_cpus = set_of<CpuSet>(value.at("emulator_cpus"));
  plan.owned_cpus = set_of<CpuSet>(value.at("owned_cpus"));
  plan.offline_cpus = set_of<CpuSet>(value.at("offline_cpus"));
  plan.housekeeping_cpus = set_of<CpuSet>(value.at("housekeeping_cpus"));
  plan.numa_nodes = set_of<NodeSet>(value.at("numa_nodes"));
  return plan;
}

}  // namespace kvmrt::partition
