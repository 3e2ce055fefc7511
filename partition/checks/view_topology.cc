// SPDX-License-Identifier: MIT
#include "partition/checks/view_topology.h"

#include <algorithm>
#include <fmt/core.h>

#include "base/file.h"
#include "partition/checks/facts.h"

namespace kvmrt::partition::checks {
namespace {

constexpr const char* kNodes = "/sys/devices/system/node";

NodeId node_of(const HostView& host, CpuId cpu) {
  for (const std::string& name : host.list(kNodes)) {
    if (!name.starts_with("node")) continue;
    const auto number = to_number(name.substr(4));
    const auto cpus = cpus_of(host, fmt::format("{}/{}/cpulist", kNodes, name));
    if (number && cpus && cpus->has(cpu)) return NodeId(static_cast<int>(*number));
  }
  return {};
}

Cpu cpu_of(const HostView& host, CpuId id, const CpuSet& online) {
  Cpu cpu;
  cpu.id = id;
  cpu.node = node_of(host, id);
  cpu.siblings = siblings_of(host, id);
  cpu.core = cpu.siblings.lowest()->value();
  cpu.package =
      static_cast<int>(number_of(host, cpu_path(id, "topology/physical_package_id")).value_or(0));
  const auto cache = cpus_of(host, cpu_path(id, "cache/index3/shared_cpu_list"));
  if (cache && !cache->empty()) cpu.llc = cache->lowest()->value();
  cpu.online = online.has(id);
  cpu.can_go_offline = host.exists(cpu_path(id, "online"));
  cpu.isolated = isolated_at_boot(host).has(id);
  cpu.nohz_full = nohz_full(host).has(id);
  return cpu;
}

Bytes meminfo(const HostView& host, NodeId node, std::string_view key) {
  const FileText file = host.read(fmt::format("{}/node{}/meminfo", kNodes, node.value()));
  for (const std::string_view line : lines_of(file.text)) {
    const auto fields = fields_of(line);
    if (fields.size() >= 4 && fields[2] == key)
      return kib(static_cast<std::uint64_t>(to_number(fields[3]).value_or(0)));
  }
  return {};
}

Node node_with_memory(const HostView& host, NodeId id) {
  Node node;
  node.id = id;
  const std::string folder = fmt::format("{}/node{}", kNodes, id.value());
  node.cpus = cpus_of(host, folder + "/cpulist").value_or(CpuSet{});
  node.memory = meminfo(host, id, "MemTotal:");
  node.free_memory = meminfo(host, id, "MemFree:");
  for (const Bytes page : {mib(2), gib(1)}) {
    const std::string pool =
        fmt::format("{}/hugepages/hugepages-{}kB", folder, page.count() >> 10U);
    const auto total = number_of(host, pool + "/nr_hugepages");
    const auto free = number_of(host, pool + "/free_hugepages");
    if (total && free)
      node.hugepages[page] = {static_cast<std::uint64_t>(*total),
                              static_cast<std::uint64_t>(*free)};
  }
  return node;
}

PciDevice device_at(const HostView& host, const std::string& address) {
  const std::string folder = "/sys/bus/pci/devices/" + address;
  PciDevice device;
  device.address = address;
  device.node = NodeId(static_cast<int>(number_of(host, folder + "/numa_node").value_or(-1)));
  device.local_cpus = cpus_of(host, folder + "/local_cpulist").value_or(CpuSet{});
  for (const std::string& group : host.list("/sys/kernel/iommu_groups")) {
    if (host.exists("/sys/kernel/iommu_groups/" + group + "/devices/" + address))
      device.iommu_group = static_cast<int>(to_number(group).value_or(-1));
  }
  return device;
}

}  // namespace

HostTopology topology_of(const HostView& host) {
  HostTopology topology;
  const CpuSet online = online_cpus(host);
  const auto present = cpus_of(host, "/sys/devices/system/cpu/present");
  for (const CpuId id : present.value_or(online).members())
    topology.cpus.push_back(cpu_of(host, id, online));
  const auto nodes = text_of(host, std::string(kNodes) + "/online");
  for (const NodeId id : NodeSet::from_list(nodes.value_or("")).value_or(NodeSet{}).members())
    topology.nodes.push_back(node_with_memory(host, id));
  for (const std::string& address : host.list("/sys/bus/pci/devices"))
    topology.devices.push_back(device_at(host, address));
  topology.source = "this host";
  return topology;
}

}  // namespace kvmrt::partition::checks
