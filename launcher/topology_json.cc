// SPDX-License-Identifier: MIT
#include "launcher/topology_json.h"

#include <nlohmann/json.hpp>

namespace kvmrt::launcher {

using nlohmann::ordered_json;

namespace {

ordered_json known(int number) { return number < 0 ? ordered_json(nullptr) : ordered_json(number); }

ordered_json cpu_json(const partition::Cpu& cpu, const partition::TreeMarks& marks) {
  const auto owner = marks.owners.find(cpu.id);
  ordered_json json;
  json["cpu"] = cpu.id.value();
  json["core"] = known(cpu.core);
  json["package"] = known(cpu.package);
  json["node"] = known(cpu.node.value());
  json["siblings"] = cpu.siblings.list();
  json["online"] = cpu.online;
  json["isolated"] = cpu.isolated;
  json["nohz_full"] = cpu.nohz_full;
  json["owner"] = owner == marks.owners.end() ? ordered_json(nullptr) : ordered_json(owner->second);
  json["housekeeping"] = marks.housekeeping.has(cpu.id);
  json["llc"] = known(cpu.llc);
  return json;
}

ordered_json node_json(const partition::Node& node, bool memory_known) {
  ordered_json pools = ordered_json::object();
  for (const auto& [size, pool] : node.hugepages)
    pools[to_string(size)] = {{"total", pool.total}, {"free", pool.free}};
  ordered_json json;
  json["node"] = node.id.value();
  json["cpus"] = node.cpus.list();
  json["memory_bytes"] = memory_known ? ordered_json(node.memory.count()) : ordered_json(nullptr);
  json["free_bytes"] =
      memory_known ? ordered_json(node.free_memory.count()) : ordered_json(nullptr);
  json["hugepages"] = std::move(pools);
  return json;
}

ordered_json device_json(const partition::PciDevice& device) {
  ordered_json json;
  json["address"] = device.address;
  json["node"] = known(device.node.value());
  json["local_cpus"] = device.local_cpus.list();
  json["driver"] = device.driver;
  json["iommu_group"] = known(device.iommu_group);
  return json;
}

ordered_json suggestion_json(const partition::Suggestion& suggestion) {
  ordered_json json;
  json["cpuset"] = suggestion.plan.cpuset.list();
  json["emulator_cpus"] = suggestion.plan.emulator_cpus.list();
  json["vcpu_cpus"] = (suggestion.plan.cpuset - suggestion.plan.emulator_cpus).list();
  json["owned_cpus"] = suggestion.plan.owned_cpus.list();
  json["offline_cpus"] = suggestion.plan.offline_cpus.list();
  json["numa_nodes"] = suggestion.plan.numa_nodes.list();
  json["reasons"] = suggestion.reasons;
  return json;
}

}  // namespace

ordered_json topology_json(const partition::HostTopology& topology,
                           const partition::TreeMarks& marks,
                           const std::optional<partition::Suggestion>& suggestion) {
  ordered_json json;
  json["source"] = topology.source;
  for (const char* list : {"cpus", "nodes", "devices"}) json[list] = ordered_json::array();
  for (const partition::Cpu& cpu : topology.cpus) json["cpus"].push_back(cpu_json(cpu, marks));
  for (const partition::Node& node : topology.nodes)
    json["nodes"].push_back(node_json(node, topology.memory_known));
  for (const partition::PciDevice& device : topology.devices)
    json["devices"].push_back(device_json(device));
  json["suggestion"] = suggestion ? suggestion_json(*suggestion) : ordered_json(nullptr);
  return json;
}

}  // namespace kvmrt::launcher
