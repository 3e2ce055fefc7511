// SPDX-License-Identifier: MIT
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "launcher/stat.h"

namespace kvmrt::launcher {
namespace {

using nlohmann::ordered_json;

std::string uptime_text(std::int64_t seconds) {
  const std::int64_t days = seconds / 86400;
  return fmt::format("{}{:02}:{:02}:{:02}", days > 0 ? fmt::format("{}d ", days) : "",
                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string locked_text(const VmStat& vm) {
  if (!vm.qemu_alive) return "-";
  return vm.locked.count() == 0 ? "no" : fmt::format("{} MiB", vm.locked.count() >> 20U);
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string supervisor_text(const VmStat& vm) {
  return vm.supervised ? std::to_string(vm.state.supervisor.pid.value()) : "-";
}

std::string thread_rows(const VmStat& vm) {
  std::string text;
  if (vm.threads.empty()) return text;
  text += fmt::format("  {:>8} {:<9} {:<16} {:<6} {:>4} {:<10} {:>4} {:>12} {:>9}  {}\n", "TID",
                      "CLASS", "NAME", "POLICY", "PRIO", "CPUS", "LAST", "DELAY(us)", "INVOL",
                      "AS PLANNED");
  for (const ThreadStat& thread : vm.threads) {
    text += fmt::format("  {:>8} {:<9} {:<16} {:<6} {:>4} {:<10} {:>4} {:>12} {:>9}  {}\n",
                        thread.facts.tid.value(), to_string(thread.setting.thread_class),
                        thread.setting.name, policy_name(thread.facts.policy),
                        thread.facts.priority, thread.facts.cpus.list(),
                        thread.facts.last_cpu.value(), thread.facts.run_delay.count() / 1000,
                        thread.facts.involuntary_switches, thread.as_planned ? "yes" : "NO");
  }
  return text;
}

ordered_json json_of(const ThreadStat& thread) {
  ordered_json made;
  made["tid"] = thread.facts.tid.value();
  made["class"] = to_string(thread.setting.thread_class);
  made["index"] =
      thread.setting.index ? ordered_json(*thread.setting.index) : ordered_json(nullptr);
  made["name"] = thread.setting.name;
  made["policy"] = policy_name(thread.facts.policy);
  made["priority"] = thread.facts.priority;
  made["cpus"] = thread.facts.cpus.list();
  made["last_cpu"] = thread.facts.last_cpu.value();
  made["run_delay_ns"] = thread.facts.run_delay.count();
  made["involuntary_switches"] = thread.facts.involuntary_switches;
  made["as_planned"] = thread.as_planned;
  return made;
}

ordered_json pid_or_null(bool there, const ProcessId& process) {
  return there ? ordered_json(process.pid.value()) : ordered_json(nullptr);
}

ordered_json json_of(const VmStat& vm, bool with_threads) {
  ordered_json made;
  made["name"] = vm.state.name;
  made["state"] = to_string(vm.state.status);
  made["rt"] = vm.state.rt;
  made["nr_vcpus"] = vm.state.nr_vcpus;
  made["cpuset"] = vm.cpuset;
  made["pid"] = pid_or_null(vm.qemu_alive, vm.state.qemu.value_or(ProcessId{}));
  made["supervisor_pid"] = pid_or_null(vm.supervised, vm.state.supervisor);
  made["locked_bytes"] = vm.locked.count();
  made["uptime_s"] = vm.uptime_s;
  made["uuid"] = vm.state.uuid;
  made["message"] = vm.state.message;
  made["exit_code"] =
      vm.state.exit_code ? ordered_json(*vm.state.exit_code) : ordered_json(nullptr);
  if (!with_threads) return made;
  made["threads"] = ordered_json::array();
  for (const ThreadStat& thread : vm.threads) made["threads"].push_back(json_of(thread));
  return made;
}

}  // namespace

std::string stat_table(const std::vector<VmStat>& vms, bool with_threads) {
  std::string text =
      fmt::format("{:<20} {:<12} {:>5} {:<10} {:<3} {:>9} {:>12} {:>10}\n", "NAME", "STATE",
                  "VCPUS", "CPUSET", "RT", "LOCKED", "UPTIME", "SUPERVISOR");
  for (const VmStat& vm : vms) {
    text += fmt::format("{:<20} {:<12} {:>5} {:<10} {:<3} {:>9} {:>12} {:>10}\n", vm.state.name,
                        to_string(vm.state.status), vm.state.nr_vcpus, or_dash(vm.cpuset),
                        vm.state.rt ? "yes" : "no", locked_text(vm),
                        vm.qemu_alive ? uptime_text(vm.uptime_s) : "-", supervisor_text(vm));
    if (with_threads) text += thread_rows(vm);
  }
  return text;
}

std::string stat_json(const std::vector<VmStat>& vms, bool with_threads) {
  ordered_json made;
  made["vms"] = ordered_json::array();
  for (const VmStat& vm : vms) made["vms"].push_back(json_of(vm, with_threads));
  return made.dump(2) + "\n";
}

}  // namespace kvmrt::launcher
