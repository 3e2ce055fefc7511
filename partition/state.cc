// SPDX-License-Identifier: MIT
#include "partition/state.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "partition/drivers.h"
#include "partition/irqbalance.h"
#include "partition/irqs.h"
#include "partition/links.h"
#include "partition/resctrl.h"

namespace kvmrt::partition {
namespace {

const std::string kCpus = "/sys/devices/system/cpu";

std::string cpu_folder(CpuId cpu) { return kCpus + "/cpu" + to_string(cpu); }

std::string text_at(Host& host, const std::string& path) {
  const auto text = host.read(path);
  return text ? std::string(trimmed(*text)) : std::string();
}

/// nohz_full reads "(null)" and isolated an empty line when there are none.
CpuSet cpus_at(Host& host, const std::string& path) {
  return CpuSet::from_list(text_at(host, path)).value_or(CpuSet{});
}

bool has_word(std::string_view text, std::string_view word) {
  const auto words = fields_of(text);
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// "2,4" of a valid partition; what the kernel says of an invalid one.
std::optional<std::string> read_partition(Host& host, const std::string& folder) {
  const auto kind = host.read(folder + "/cpuset.cpus.partition");
  if (!kind)
    return host.read(folder + "/cgroup.procs") ? std::optional<std::string>("no cpuset")
                                               : std::nullopt;
  if (trimmed(*kind) != "isolated") return std::string(trimmed(*kind));
  return text_at(host, folder + "/cpuset.cpus");
}

class Reader {
 public:
  Reader(Host& host, HostState& state) : host_(host), state_(state) {}

  void knob(const std::string& name) {
    auto value = read_knob(host_, name);
    if (value) state_.knobs[name] = std::move(*value);
  }

  void host_wide() {
    knob(kDefaultIrqKnob);
    knob(kWorkqueueKnob);
    knob(kWatchdogKnob);
    knob(kThrottlingKnob);
    knob(kBalancerKnob);
    if (state_.partitions) knob(kControllersKnob);
    for (const auto& name : host_.list(kWorkqueues))
      knob(std::string(kWorkqueues) + "/" + name + "/cpumask");
    steering();
  }

  void interrupts() {
    state_.irqs = read_irqs(host_);
    for (const Irq& irq : state_.irqs) knob(irq.knob());
  }

  void of_cpu(CpuId cpu) {
    knob(online_knob(cpu));
    knob(governor_knob(cpu));
    knob(latency_knob(cpu));
    if (state_.fair_server) knob(fair_server_knob(cpu));
  }

  /// systemd names the unit's cgroup after it, in the v2 tree or in its own v1 one. A path is a
  /// file with the process's number, where no systemd runs.
  void of_unit(const std::string& unit) {
    if (unit.starts_with('/')) return add_processes(unit, unit);
    for (const char* tree : {"", "/unified", "/systemd"}) {
      add_processes(unit, std::string(kCgroups) + tree + "/system.slice/" + unit + "/cgroup.procs");
    }
  }

  void of_lease(const Lease& lease) {
    if (state_.partitions) knob(partition_knob(lease.vm));
    if (!lease.request.hugepages) return;
    for (const auto& node : host_.list("/sys/devices/system/node")) {
      int id = -1;
      if (!node.starts_with("node")) continue;
      const auto [end, error] = std::from_chars(node.data() + 4, node.data() + node.size(), id);
      if (error != std::errc{} || end != node.data() + node.size()) continue;
      pages(pages_knob(NodeId(id), *lease.request.hugepages));
    }
  }

 private:
  void add_processes(const std::string& unit, const std::string& file) {
    const std::string text = host_.read(file).value_or("");
    for (const auto word : fields_of(text)) {
      int pid = 0;
      std::from_chars(word.data(), word.data() + word.size(), pid);
      if (pid > 0) state_.service_of[pid] = unit;
    }
  }

  void pages(const std::string& name) {
    knob(name);
    const auto folder = name.substr(0, name.rfind('/'));
    const std::string free = text_at(host_, folder + "/free_hugepages");
    std::uint64_t count = 0;
    std::from_chars(free.data(), free.data() + free.size(), count);
    if (!free.empty()) state_.free_pages[name] = count;
  }

  /// Receive packet steering: which CPUs run the network stack for a queue.
  void steering() {
    const std::string nets = "/sys/class/net";
    for (const auto& net : host_.list(nets)) {
      const std::string queues = nets + "/" + net + "/queues";
      for (const auto& queue : host_.list(queues)) {
        if (queue.starts_with("rx-")) knob(queues + "/" + queue + "/rps_cpus");
      }
    }
  }

  Host& host_;
  HostState& state_;
};

void read_traits(Host& host, HostState& state) {
  state.online = cpus_at(host, kCpus + "/online");
  state.isolated = cpus_at(host, kCpus + "/isolated");
  state.rt_kernel = text_at(host, "/sys/kernel/realtime") == "1" ||
                    text_at(host, "/proc/version").find("PREEMPT_RT") != std::string::npos;
  state.partitions =
      has_word(text_at(host, std::string(kCgroups) + "/cgroup.controllers"), "cpuset");
  state.fair_server = !host.list("/sys/kernel/debug/sched/fair_server").empty();
}

}  // namespace

std::string Irq::knob() const { return irq_knob(number); }

std::string online_knob(CpuId cpu) { return cpu_folder(cpu) + "/online"; }
std::string governor_knob(CpuId cpu) { return cpu_folder(cpu) + "/cpufreq/scaling_governor"; }
std::string latency_knob(CpuId cpu) { return cpu_folder(cpu) + "/power/pm_qos_resume_latency_us"; }
std::string fair_server_knob(CpuId cpu) {
  return "/sys/kernel/debug/sched/fair_server/cpu" + to_string(cpu) + "/runtime";
}
std::string irq_knob(int number) {
  return "/proc/irq/" + std::to_string(number) + "/smp_affinity_list";
}
std::string partition_knob(const std::string& vm) { return std::string(kCgroups) + "/kvmrt-" + vm; }

bool is_partition_knob(std::string_view knob) {
  return knob.starts_with(std::string(kCgroups) + "/kvmrt-");
}

std::string pages_knob(NodeId node, Bytes size) {
  return "/sys/devices/system/node/node" + to_string(node) + "/hugepages/hugepages-" +
         std::to_string(size.count() / 1024) + "kB/nr_hugepages";
}

std::string pages_text(const std::string& knob) {
  const auto between = [&knob](std::string_view from, char to) {
    const auto at = knob.find(from);
    if (at == std::string::npos) return std::string();
    const auto begin = at + from.size();
    return knob.substr(begin, knob.find(to, begin) - begin);
  };
  return "huge pages of " + between("/hugepages-", '/') + " on node " + between("/node/node", '/');
}

std::optional<std::string> read_knob(Host& host, const std::string& knob) {
  if (is_partition_knob(knob)) return read_partition(host, knob);
  if (is_link_knob(knob)) return read_link(host, knob);
  if (is_driver_knob(knob) || is_override_knob(knob) || is_module_knob(knob))
    return read_driver_knob(host, knob);
  if (is_cache_class_knob(knob)) return read_cache_class(host, knob);
  if (knob == kBalancerKnob) return read_banned(host);
  if (knob == kWorkqueueKnob) {
    // From 6.8 on an isolated partition narrows cpumask by itself; this is the user's own value.
    const auto asked = host.read(std::string(kWorkqueues) + "/cpumask_requested");
    if (asked) return std::string(trimmed(*asked));
  }
  const auto text = host.read(knob);
  if (!text) return std::nullopt;
  if (knob == kCacheKnob) {
    const auto schemata = Schemata::parse(*text);
    return schemata ? schemata->text() : *text;
  }
  if (knob == kControllersKnob) return has_word(*text, "cpuset") ? "+cpuset" : "-cpuset";
  return std::string(trimmed(*text));
}

HostState read_state(Host& host, const Interest& interest) {
  HostState state;
  read_traits(host, state);
  Reader reader(host, state);
  if (interest.interrupts) {
    reader.host_wide();
    reader.interrupts();
  }
  for (const CpuId cpu : (interest.owned | interest.offline).members()) reader.of_cpu(cpu);
  for (const Lease& lease : interest.leases) reader.of_lease(lease);
  for (const auto& unit : interest.units) reader.of_unit(unit);
  read_cache(host, interest, state);
  for (const auto& knob : interest.recorded) {
    if (!state.knobs.contains(knob)) reader.knob(knob);
  }
  if (interest.tasks) state.tasks = host.tasks();
  return state;
}

HostState state_of(const HostTopology& topology, const Interest& interest) {
  HostState state;
  state.online = topology.online();
  state.isolated = topology.isolated();
  state.partitions = true;
  state.knobs[kControllersKnob] = "-cpuset";
  const std::string all = topology.present().hex_mask();
  state.knobs[kDefaultIrqKnob] = all;
  state.knobs[kWorkqueueKnob] = all;
  state.knobs[kWatchdogKnob] = topology.present().list();
  for (const CpuId cpu : (interest.owned | interest.offline).members()) {
    const Cpu* found = topology.find(cpu);
    if (found == nullptr) continue;
    if (found->can_go_offline) state.knobs[online_knob(cpu)] = found->online ? "1" : "0";
    state.knobs[latency_knob(cpu)] = "0";
  }
  return state;
}

}  // namespace kvmrt::partition
