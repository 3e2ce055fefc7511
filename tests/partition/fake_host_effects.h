// SPDX-License-Identifier: MIT
// How the host in memory behaves; fake_host.h says what it is.
#pragma once

#include "tests/partition/fake_host.h"

namespace kvmrt::partition {

inline FakeHost::FakeHost(FakeShape shape) : shape_(shape) {
  present_ = CpuSet::range(0, shape.cpus - 1);
  online_ = present_;
  show_online();
  files[kCpus + "/isolated"] = shape.isolated.list() + "\n";
  files["/proc/sys/kernel/random/boot_id"] = "boot-1\n";
  files["/proc/version"] = shape.rt_kernel ? "Linux 6.1 SMP PREEMPT_RT" : "Linux 6.1 SMP";
  files["/proc/irq/default_smp_affinity"] = present_.hex_mask();
  files["/sys/devices/virtual/workqueue/cpumask"] = present_.hex_mask();
  files["/sys/devices/virtual/workqueue/writeback/cpumask"] = present_.hex_mask();
  files["/proc/sys/kernel/watchdog_cpumask"] = present_.list();
  files["/proc/sys/kernel/sched_rt_runtime_us"] = "950000";
  files["/sys/class/net/eth0/queues/rx-0/rps_cpus"] = "00";
  for (int cpu = 0; cpu < shape.cpus; ++cpu) {
    const std::string folder = kCpus + "/cpu" + std::to_string(cpu);
    if (cpu > 0) files[folder + "/online"] = "1";
    files[folder + "/cpufreq/scaling_governor"] = cpu == 5 ? "userspace" : "schedutil";
    files[folder + "/power/pm_qos_resume_latency_us"] = "0";
    if (shape.fair_server)
      files["/sys/kernel/debug/sched/fair_server/cpu" + std::to_string(cpu) + "/runtime"] =
          "50000000";
  }
  if (!shape.partitions) return;
  files[kGroups + "/cgroup.controllers"] = "cpuset cpu memory";
  files[kGroups + "/cgroup.subtree_control"] = "";
}

inline Task& FakeHost::add_task(int tid, const std::string& comm, const CpuSet& cpus, int parent) {
  Task task;
  task.tid = Tid(tid);
  task.process = Pid(tid);
  task.parent = Pid(tid == 1 ? 0 : parent);
  task.start_time = static_cast<std::uint64_t>(tid) * 10;
  task.comm = comm;
  task.cpus = cpus;
  if (cpus != present_) asked_[tid] = cpus;
  return all[tid] = task;
}

inline Task& FakeHost::add_kthread(int tid, const std::string& comm, const CpuSet& cpus,
                                   bool movable) {
  Task& task = add_task(tid, comm, cpus, tid == 2 ? 0 : 2);
  task.kernel = true;
  task.movable = movable;
  asked_.erase(tid);
  return task;
}

inline void FakeHost::add_irq(int number, const std::string& action, const std::string& cpus) {
  const std::string id = std::to_string(number);
  files["/proc/irq/" + id + "/smp_affinity_list"] = cpus;
  files["/sys/kernel/irq/" + id + "/actions"] = action + "\n";
}

inline std::string FakeHost::difference(const FakeImage& other) const {
  std::string text;
  for (const auto& [path, value] : files) {
    const auto at = other.files.find(path);
    if (at == other.files.end())
      text += path + " is new\n";
    else if (!same_value(path, value, at->second))
      text += path + ": " + at->second + " became " + value + "\n";
  }
  for (const auto& entry : other.files) {
    if (!files.contains(entry.first)) text += entry.first + " vanished\n";
  }
  for (const auto& [tid, task] : other.all) {
    const auto at = all.find(tid);
    if (at == all.end()) continue;
    if (at->second.cpus != task.cpus)
      text += task.comm + ": " + task.cpus.list() + " became " + at->second.cpus.list() + "\n";
    if (at->second.scheduling != task.scheduling)
      text += task.comm + ": policy became " + to_text(at->second.scheduling) + "\n";
  }
  return text;
}

inline bool FakeHost::refuses(const std::string& what) {
  const int number = effects++;
  if (number == die_at) throw KillPoint{};
  if (on_effect) on_effect(what);
  log.push_back(what);
  return number == fail_at;
}

inline std::optional<std::string> FakeHost::read(const std::string& path) {
  const auto at = files.find(path);
  if (at != files.end()) return at->second;
  // /proc/PID/stat of living processes, as far as anyone asks.
  if (path.starts_with("/proc/") && path.ends_with("/stat") &&
      all.contains(number_in(path, "/proc/")))
    return "alive";
  return std::nullopt;
}

inline std::vector<std::string> FakeHost::list(const std::string& folder) {
  std::set<std::string> names;
  const std::string prefix = folder + "/";
  for (auto at = files.lower_bound(prefix); at != files.end() && at->first.starts_with(prefix);
       ++at) {
    const auto rest = at->first.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));
  }
  return {names.begin(), names.end()};
}

inline std::vector<Task> FakeHost::tasks() {
  if (on_look) on_look();
  std::vector<Task> found;
  found.reserve(all.size());
  for (const auto& entry : all) found.push_back(entry.second);
  return found;
}

inline std::optional<Task> FakeHost::task(Tid tid) {
  const auto at = all.find(tid.value());
  return at == all.end() ? std::nullopt : std::optional(at->second);
}

inline bool FakeHost::alive(const ProcessId& process) {
  const auto found = task(Tid(process.pid.value()));
  return found && found->start_time == process.start_time && !dead.contains(process.pid.value());
}

inline int FakeHost::write(const std::string& path, const std::string& text) {
  if (refuses("write " + path + " " + text)) return EIO;
  return perform(path, text);
}

inline int FakeHost::perform(const std::string& path, const std::string& text) {
  if (!files.contains(path)) return ENOENT;
  if (deaf.contains(path)) return 0;
  if (path.starts_with(kCpus) && path.ends_with("/online")) return hotplug(path, text == "1");
  if (path.starts_with(kCaches)) return write_cache(path, text);
  if (path.starts_with(kGroups)) return write_cgroup(path, text);
  if (path.ends_with("/nr_hugepages")) return write_pages(path, std::stoull(text));
  if (path.ends_with("/smp_affinity_list")) return write_irq(path, text);
  if (kind_of(path) == KnobKind::cpu_mask && !path.ends_with("rps_cpus") && text == "0")
    return EINVAL;
  files[path] = text;
  return 0;
}

inline int FakeHost::hotplug(const std::string& path, bool up) {
  const int cpu = number_in(path, "/cpu/cpu");
  const std::string governor = kCpus + "/cpu" + std::to_string(cpu) + "/cpufreq/scaling_governor";
  if (up == online_.has(CpuId(cpu))) return 0;
  files[path] = up ? "1" : "0";
  if (up) {
    online_.insert(CpuId(cpu));
    files[governor] = "schedutil";
    if (!shape_.clobbers_user) settle_masks();
  } else {
    online_.erase(CpuId(cpu));
    files.erase(governor);
    tasks_lose(cpu);
    for (auto& [name, value] : files) {
      if (!name.ends_with("/smp_affinity_list")) continue;
      if (managed_irqs.contains(number_in(name, "/proc/irq/"))) continue;  // shut down, mask kept
      if (!CpuSet::from_list(value)->intersects(online_)) value = online_.list();
    }
  }
  show_online();
  return 0;
}

/// "no longer affine to cpu3": on 6.1 for good.
inline void FakeHost::tasks_lose(int cpu) {
  for (auto& entry : all) {
    Task& task = entry.second;
    if (task.movable && task.cpus == CpuSet::of(CpuId(cpu))) task.cpus = everything();
  }
}

/// What the kernel makes of the masks when cpusets change: 6.1 forgets what tasks had asked for.
inline void FakeHost::settle_masks() {
  for (auto& [tid, task] : all) {
    if (!task.movable) continue;
    const auto asked = asked_.find(tid);
    const bool kept = !shape_.clobbers_user && asked != asked_.end();
    task.cpus = kept && asked->second.intersects(everything()) ? asked->second & everything()
                                                               : everything();
  }
}

inline void FakeHost::repartition() {
  partitioned_ = {};
  for (const auto& folder : folders) {
    const auto kind = files.find(folder + "/cpuset.cpus.partition");
    if (kind != files.end() && kind->second == "isolated")
      partitioned_ |= *CpuSet::from_list(files[folder + "/cpuset.cpus"]);
  }
  settle_masks();
}

inline void FakeHost::offer_cpuset(const std::string& folder) {
  files.try_emplace(folder + "/cpuset.cpus", "");
  files.try_emplace(folder + "/cpuset.cpus.partition", "member");
}

inline int FakeHost::write_cgroup(const std::string& path, const std::string& text) {
  if (path.ends_with("/cgroup.procs")) return 0;
  const std::string folder = path.substr(0, path.rfind('/'));
  if (path.ends_with("/cgroup.subtree_control")) {
    if (text == "-cpuset" && folder == kGroups && !folders.empty()) return EBUSY;
    files[path] = text == "+cpuset" ? "cpuset" : "";
    for (const auto& child : folders) {
      if (child.substr(0, child.rfind('/')) == folder) offer_cpuset(child);
    }
    return 0;
  }
  if (path.ends_with("/cpuset.cpus.partition") && text == "isolated") {
    files[path] = invalid_reason.empty() ? "isolated" : "isolated invalid (" + invalid_reason + ")";
    if (invalid_reason.empty()) repartition();
    return 0;
  }
  files[path] = text;
  if (path.ends_with("/cpuset.cpus.partition")) repartition();
  return 0;
}

/// The kernel gives what it has, takes what is free, and says nothing.
inline int FakeHost::write_pages(const std::string& path, std::uint64_t count) {
  std::string& free = files[path.substr(0, path.rfind('/')) + "/free_hugepages"];
  const std::uint64_t had = std::stoull(files[path]);
  const std::uint64_t unused = free.empty() ? 0 : std::stoull(free);
  const std::uint64_t has = std::max(std::min(count, most_pages), had - unused);
  free = std::to_string(unused + has - had);
  files[path] = std::to_string(has);
  return 0;
}

inline int FakeHost::write_irq(const std::string& path, const std::string& text) {
  const int number = number_in(path, "/proc/irq/");
  const auto cpus = CpuSet::from_list(text);
  if (managed_irqs.contains(number)) return managed_error;
  if (!cpus || !cpus->intersects(online_)) return EINVAL;
  files[path] = cpus->list();
  // The interrupt's thread follows it at the next interrupt.
  const std::string thread = "irq/" + std::to_string(number) + "-";
  for (auto& entry : all) {
    Task& task = entry.second;
    if (task.kernel && task.comm.starts_with(thread))
      task.cpus = CpuSet::of(*(*cpus & online_).lowest());
  }
  return 0;
}

inline int FakeHost::make_folder(const std::string& path) {
  if (refuses("mkdir " + path)) return EIO;
  if (folders.contains(path)) return EEXIST;
  if (path.starts_with(kCaches)) return make_class(path);
  folders.insert(path);
  files[path + "/cgroup.procs"] = "";
  files[path + "/cgroup.subtree_control"] = "";
  const std::string parent = path.substr(0, path.rfind('/'));
  if (files[parent + "/cgroup.subtree_control"] == "cpuset") offer_cpuset(path);
  return 0;
}

inline int FakeHost::remove_folder(const std::string& path) {
  if (refuses("rmdir " + path)) return EIO;
  if (!folders.contains(path)) return ENOENT;
  if (folders.contains(path + "/vm")) return EBUSY;
  folders.erase(path);
  const bool isolated = files[path + "/cpuset.cpus.partition"] == "isolated";
  std::erase_if(files, [&path](const auto& entry) { return entry.first.starts_with(path + "/"); });
  if (isolated) repartition();
  return 0;
}

/// A processor with two L3 domains of 12 ways, four classes, bandwidth control.
inline void FakeHost::offer_caches() {
  files[kCaches + "/schemata"] = "    L3:0=fff;1=fff\n    MB:0=100;1=100\n";
  files[kCaches + "/info/L3/min_cbm_bits"] = "1\n";
  files[kCaches + "/info/last_cmd_status"] = "ok\n";
  for (int cpu = 0; cpu < shape_.cpus; ++cpu) {
    const std::string folder = kCpus + "/cpu" + std::to_string(cpu) + "/cache/index3/";
    files[folder + "id"] = cpu < shape_.cpus / 2 ? "0\n" : "1\n";
    files[folder + "size"] = "12288K\n";
  }
}

inline int FakeHost::make_class(const std::string& path) {
  constexpr std::size_t kMost = 3;
  std::size_t count = 0;
  for (const auto& folder : folders) count += folder.starts_with(kCaches) ? 1 : 0;
  if (count >= kMost) return ENOSPC;
  folders.insert(path);
  files[path + "/schemata"] = "    L3:0=fff;1=fff\n    MB:0=100;1=100\n";
  files[path + "/cpus_list"] = "\n";
  return 0;
}

inline int FakeHost::write_cache(const std::string& path, const std::string& text) {
  if (!path.ends_with("/schemata")) {
    files[path] = text + "\n";
    return 0;
  }
  const auto schemata = Schemata::parse(text);
  std::string lines;
  for (const auto& [resource, values] : schemata->resources) {
    lines += "    " + resource + ":";
    for (const auto& [domain, value] : values) {
      const unsigned long lowest = value & -value;
      if (resource == "L3" && (value == 0 || ((value + lowest) & value) != 0)) {
        files[kCaches + "/info/last_cmd_status"] = "mask has non-consecutive 1-bits\n";
        return EINVAL;
      }
      char part[32];
      std::snprintf(part, sizeof part, resource == "L3" ? "%s%d=%03lx" : "%s%d=%lu",
                    domain == 0 ? "" : ";", domain, value);
      lines += part;
    }
    lines += "\n";
  }
  files[path] = lines;
  return 0;
}

inline int FakeHost::set_affinity(Tid tid, const CpuSet& cpus) {
  if (refuses("affinity " + to_string(tid) + " " + cpus.list())) return EIO;
  const auto at = all.find(tid.value());
  if (at == all.end()) return ESRCH;
  const CpuSet allowed = cpus & everything();
  if (!at->second.movable || !allowed.intersects(online_)) return EINVAL;
  at->second.cpus = allowed;
  asked_[tid.value()] = cpus;
  return 0;
}

inline int FakeHost::set_scheduling(Tid tid, const Scheduling& scheduling) {
  if (refuses("policy " + to_string(tid) + " " + to_text(scheduling))) return EIO;
  const auto at = all.find(tid.value());
  if (at == all.end()) return ESRCH;
  if (deaf.contains(policy_knob(tid))) return 0;
  at->second.scheduling = scheduling;
  return 0;
}

inline int FakeHost::end_process(const ProcessId& process) {
  if (refuses("kill " + to_string(process.pid))) return EIO;
  if (!alive(process)) return 0;
  killed.insert(process.pid.value());
  all.erase(process.pid.value());
  return 0;
}

inline int FakeHost::ask(const std::string& socket, const std::string& request,
                         std::string& answer) {
  const auto at = files.find(socket);
  if (at == files.end()) return ECONNREFUSED;
  if (request == "setup") answer = "SLEEP 10 BANNED " + at->second;
  if (!request.starts_with("settings cpus ")) return 0;
  if (refuses(request)) return EIO;
  const std::string cpus = request.substr(14);
  at->second = cpus == "NULL" ? "0" : CpuSet::from_list(cpus)->hex_mask();
  return 0;
}

inline void FakeHost::replace(const std::filesystem::path& path, const std::string& text) {
  if (refuses("replace ledger")) throw SystemError("write", path, ENOSPC);
  std::ofstream(path, std::ios::trunc) << text;
}

inline void FakeHost::remove(const std::filesystem::path& path) {
  if (refuses("remove ledger")) throw SystemError("remove", path, EIO);
  std::filesystem::remove(path);
}

inline int FakeHost::number_in(const std::string& path, const std::string& before) {
  const auto at = path.find(before);
  return at == std::string::npos ? -1 : std::atoi(path.c_str() + at + before.size());
}

}  // namespace kvmrt::partition
