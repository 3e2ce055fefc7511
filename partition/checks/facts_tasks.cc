// SPDX-License-Identifier: MIT
#include <algorithm>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int int_of(std::string_view text) { return static_cast<int>(to_number(text).value_or(0)); }

/// One line of a snapshot: "tid pid flags policy priority cpus name".
std::optional<Task> task_of_line(std::string_view line) {
  const auto fields = fields_of(line);
  if (fields.size() < 7) return std::nullopt;
  Task task;
  task.tid = Tid(int_of(fields[0]));
  task.pid = Pid(int_of(fields[1]));
  task.flags = static_cast<unsigned>(to_number(fields[2]).value_or(0));
  task.policy = int_of(fields[3]);
  task.priority = int_of(fields[4]);
  task.cpus = CpuSet::from_list(fields[5]).value_or(CpuSet{});
  task.name = line.substr(static_cast<std::size_t>(fields[6].data() - line.data()));
  return task;
}

/// /proc/PID/task/TID/stat, proc(5): the name stands in parentheses and may hold any character.
bool set_from_stat(Task& task, std::string_view stat) {
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return false;
  task.name = stat.substr(open + 1, close - open - 1);
  const auto fields = fields_of(stat.substr(close + 1));  // from field 3 on
  if (fields.size() < 39) return false;
  task.flags = static_cast<unsigned>(to_number(fields[9 - 3]).value_or(0));
  task.priority = int_of(fields[40 - 3]);
  task.policy = int_of(fields[41 - 3]);
  return true;
}

std::optional<Task> live_task(const HostView& host, const std::string& pid,
                              const std::string& tid) {
  const std::string folder = "/proc/" + pid + "/task/" + tid;
  Task task;
  task.tid = Tid(int_of(tid));
  task.pid = Pid(int_of(pid));
  if (!set_from_stat(task, host.read(folder + "/stat").text)) return std::nullopt;
  const FileText status = host.read(folder + "/status");
  for (const std::string_view line : lines_of(status.text)) {
    constexpr std::string_view kKey = "Cpus_allowed_list:";
    if (line.starts_with(kKey))
      task.cpus = CpuSet::from_list(line.substr(kKey.size())).value_or(CpuSet{});
  }
  return task;
}

}  // namespace

std::vector<Task> tasks(const HostView& host) {
  std::vector<Task> all;
  if (const FileText table = host.read("/kvmrt/tasks"); table.ok()) {
    for (const std::string_view line : lines_of(table.text)) {
      if (auto task = task_of_line(line)) all.push_back(std::move(*task));
    }
    return all;
  }
  for (const std::string& pid : host.list("/proc")) {
    if (!is_number(pid)) continue;
    for (const std::string& tid : host.list("/proc/" + pid + "/task")) {
      if (auto task = live_task(host, pid, tid)) all.push_back(std::move(*task));
    }
  }
  return all;
}

bool runs(const HostView& host, std::string_view process) {
  const auto all = tasks(host);
  return std::any_of(all.begin(), all.end(), [&](const Task& task) {
    return task.tid.value() == task.pid.value() && !task.is_kernel_thread() &&
           task.name == process.substr(0, 15);
  });
}

std::vector<Irq> irqs(const HostView& host) {
  std::vector<Irq> all;
  for (const std::string& name : host.list("/proc/irq")) {
    if (!is_number(name)) continue;
    const std::string folder = "/proc/irq/" + name;
    Irq irq;
    irq.number = int_of(name);
    irq.actions = text_of(host, "/sys/kernel/irq/" + name + "/actions").value_or("");
    irq.allowed = cpus_of(host, folder + "/smp_affinity_list").value_or(CpuSet{});
    irq.effective = cpus_of(host, folder + "/effective_affinity_list").value_or(irq.allowed);
    all.push_back(std::move(irq));
  }
  std::sort(all.begin(), all.end(), [](const Irq& a, const Irq& b) { return a.number < b.number; });
  return all;
}

}  // namespace kvmrt::partition::checks
