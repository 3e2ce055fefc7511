// SPDX-License-Identifier: MIT
#include "partition/conflict.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/file.h"
#include "partition/irqbalance.h"

namespace kvmrt::partition {
namespace {

struct Program {
  const char* name;  ///< as /proc/PID/comm or, for scripts, in the command line
  const char* rule;  ///< its key in on_conflict
  const char* does;
  const char* way_out;
};

constexpr std::array<Program, 5> kPrograms{{
    {"irqbalance", "irqbalance", "moves interrupts back within seconds",
     "systemctl stop irqbalance, or on_conflict: {irqbalance: configure} in host.yaml"},
    {"tuned", "tuned", "sets affinities, workqueue masks and governors by its own profile",
     "systemctl stop tuned, or on_conflict: {tuned: warn} in host.yaml"},
    {"libvirtd", "libvirtd", "may run guests on the same CPUs",
     "virsh list; give its guests other CPUs, or stop it"},
    {"virtqemud", "libvirtd", "may run guests on the same CPUs",  // the same since libvirt 6
     "virsh list; give its guests other CPUs, or stop it"},
    {"stalld", "stalld", "boosts starved threads above the vCPUs",
     "systemctl stop stalld, or keep it off the VM's CPUs with its -a option"},
}};

ConflictRule rule_of(const HostPolicy& policy, const std::string& name) {
  const auto at = policy.on_conflict.find(name);
  return at == policy.on_conflict.end() ? ConflictRule::warn : at->second;
}

/// "tuned" is a Python program: its comm is "tuned" on some systems, "python3" on others.
bool runs(Host& host, const Task& task, std::string_view name) {
  if (task.kernel || task.tid.value() != task.process.value()) return false;
  if (task.comm == name) return true;
  if (!task.comm.starts_with("python")) return false;
  const auto command = host.read("/proc/" + to_string(task.process) + "/cmdline");
  return command && command->find("/" + std::string(name)) != std::string::npos;
}

Problem tell(const Program& program, const Task& task, ConflictRule rule) {
  const bool refuse = rule == ConflictRule::refuse;
  return {
      refuse ? Severity::error : Severity::warning,
      fmt::format("{}-running", program.rule),
      "",
      fmt::format("on_conflict.{}", program.rule),
      fmt::format("{} runs (pid {}) and {}", program.name, to_string(task.process), program.does),
      program.way_out,
      {}};
}

}  // namespace

Problems find_conflicts(Host& host, const HostState& state, const HostPolicy& policy) {
  Problems problems;
  for (const Program& program : kPrograms) {
    const auto found = std::find_if(state.tasks.begin(), state.tasks.end(), [&](const Task& task) {
      return runs(host, task, program.name);
    });
    if (found == state.tasks.end()) continue;
    const ConflictRule rule = rule_of(policy, program.rule);
    // A knob like any other then: it is told to keep off, and told otherwise at the end.
    if (rule == ConflictRule::configure && state.knobs.contains(kBalancerKnob)) continue;
    problems.push_back(tell(program, *found, rule));
  }
  return problems;
}

}  // namespace kvmrt::partition
