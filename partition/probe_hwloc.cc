// SPDX-License-Identifier: MIT
#include "partition/probe_hwloc.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <hwloc.h>
#include <new>

namespace kvmrt::partition {
namespace {

CpuSet cpus_of(hwloc_const_bitmap_t bitmap) {
  CpuSet set;
  if (bitmap == nullptr) return set;
  for (int id = hwloc_bitmap_first(bitmap); id >= 0 && id <= BitSet::kMaxId;
       id = hwloc_bitmap_next(bitmap, id))
    set.insert(CpuId(id));
  return set;
}

int os_index(hwloc_obj_t object) {
  return object == nullptr || object->os_index == HWLOC_UNKNOWN_INDEX
             ? -1
             : static_cast<int>(object->os_index);
}

/// The number of the first CPU under the highest cache above a PU.
int last_level_cache(hwloc_obj_t pu) {
  int first = -1;
  for (hwloc_obj_t up = pu->parent; up != nullptr; up = up->parent) {
    if (hwloc_obj_type_is_dcache(up->type) != 0) first = hwloc_bitmap_first(up->cpuset);
  }
  return first;
}

Cpu cpu_of(hwloc_topology_t topology, hwloc_obj_t pu) {
  Cpu cpu;
  cpu.id = CpuId(os_index(pu));
  cpu.llc = last_level_cache(pu);
  cpu.can_go_offline = cpu.id.value() != 0;  // x86: CPU 0 never can
  cpu.siblings = CpuSet::of(cpu.id);
  cpu.core = cpu.id.value();  // where no core is described, each CPU is one
  hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
  if (core != nullptr) {
    cpu.core = static_cast<int>(core->logical_index);
    cpu.siblings = cpus_of(core->cpuset);
  }
  hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, pu);
  cpu.package = package == nullptr ? 0 : std::max(os_index(package), 0);
  return cpu;
}

void add_cpus(hwloc_topology_t topology, HostTopology& host) {
  for (hwloc_obj_t pu = nullptr;
       (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != nullptr;) {
    if (os_index(pu) >= 0 && os_index(pu) <= BitSet::kMaxId)
      host.cpus.push_back(cpu_of(topology, pu));
  }
  const CpuSet known = host.present();
  const CpuSet complete = cpus_of(hwloc_topology_get_complete_cpuset(topology));
  for (const CpuId id : (complete - known).members()) {
    Cpu cpu;
    cpu.id = id;
    cpu.siblings = CpuSet::of(id);
    cpu.online = false;
    host.cpus.push_back(cpu);
  }
  std::sort(host.cpus.begin(), host.cpus.end(),
            [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
}

void add_nodes(hwloc_topology_t topology, HostTopology& host) {
  for (hwloc_obj_t object = nullptr;
       (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)) != nullptr;) {
    Node node;
    node.id = NodeId(std::max(os_index(object), 0));
    node.cpus = cpus_of(object->cpuset);
    node.memory = Bytes(object->attr->numanode.local_memory);
    node.free_memory = node.memory;
    host.nodes.push_back(std::move(node));
  }
  std::sort(host.nodes.begin(), host.nodes.end(),
            [](const Node& a, const Node& b) { return a.id < b.id; });
  // Of several nodes with the same CPUs (memory of two kinds) the first counts as the CPUs' own.
  for (auto node = host.nodes.rbegin(); node != host.nodes.rend(); ++node) {
    for (Cpu& cpu : host.cpus) {
      if (node->cpus.has(cpu.id)) cpu.node = node->id;
    }
  }
}

void add_devices(hwloc_topology_t topology, HostTopology& host) {
  for (hwloc_obj_t object = nullptr;
       (object = hwloc_get_next_pcidev(topology, object)) != nullptr;) {
    const auto& pci = object->attr->pcidev;
    PciDevice device;
    device.address = fmt::format("{:04x}:{:02x}:{:02x}.{:01x}", static_cast<unsigned>(pci.domain),
                                 pci.bus, pci.dev, pci.func);
    hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topology, object);
    if (near != nullptr) {
      device.local_cpus = cpus_of(near->cpuset);
      const bool one_node = hwloc_bitmap_weight(near->nodeset) == 1;
      if (one_node) device.node = NodeId(hwloc_bitmap_first(near->nodeset));
    }
    host.devices.push_back(std::move(device));
  }
}

}  // namespace

void HwlocDeleter::operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }

HwlocTopology new_hwloc_topology(HwlocDevices devices) {
  // A topology of the caller's environment would be taken for this host's.
  for (const char* name : {"HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "HWLOC_COMPONENTS"})
    ::unsetenv(name);
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) throw std::bad_alloc();
  HwlocTopology hwloc(raw);
  // CPUs outside our own cgroup, as those of an isolated partition, are CPUs of the host too.
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  hwloc_topology_set_components(raw, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
  hwloc_topology_set_all_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  for (const hwloc_obj_type_t type :
       {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_CORE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE})
    hwloc_topology_set_type_filter(raw, type, HWLOC_TYPE_FILTER_KEEP_ALL);
  if (devices == HwlocDevices::pci)
    hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL);
  return hwloc;
}

bool load(const HwlocTopology& hwloc) { return hwloc_topology_load(hwloc.get()) == 0; }

HostTopology from_hwloc(const HwlocTopology& hwloc) {
  HostTopology host;
  add_cpus(hwloc.get(), host);
  add_nodes(hwloc.get(), host);
  add_devices(hwloc.get(), host);
  return host;
}

}  // namespace kvmrt::partition
