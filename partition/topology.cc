// SPDX-License-Identifier: MIT
#include "partition/topology.h"

#include <algorithm>

namespace kvmrt::partition {
namespace {

template <class Item, class IdType>
const Item* find_by_id(const std::vector<Item>& items, IdType id) {
  const auto at =
      std::lower_bound(items.begin(), items.end(), id,
                       [](const Item& item, IdType wanted) { return item.id < wanted; });
  return at != items.end() && at->id == id ? &*at : nullptr;
}

template <class Predicate>
CpuSet cpus_where(const std::vector<Cpu>& cpus, Predicate holds) {
  CpuSet set;
  for (const Cpu& cpu : cpus) {
    if (holds(cpu)) set.insert(cpu.id);
  }
  return set;
}

}  // namespace

const Cpu* HostTopology::find(CpuId id) const { return find_by_id(cpus, id); }
const Node* HostTopology::find(NodeId id) const { return find_by_id(nodes, id); }

CpuSet HostTopology::present() const {
  return cpus_where(cpus, [](const Cpu&) { return true; });
}
CpuSet HostTopology::online() const {
  return cpus_where(cpus, [](const Cpu& cpu) { return cpu.online; });
}
CpuSet HostTopology::isolated() const {
  return cpus_where(cpus, [](const Cpu& cpu) { return cpu.isolated; });
}
CpuSet HostTopology::nohz_full() const {
  return cpus_where(cpus, [](const Cpu& cpu) { return cpu.nohz_full; });
}

CpuSet HostTopology::with_siblings(const CpuSet& wanted) const {
  CpuSet all = wanted;
  for (const CpuId id : wanted.members()) {
    const Cpu* cpu = find(id);
    if (cpu != nullptr && cpu->siblings.count() > 1) all |= cpu->siblings;
  }
  return all;
}

NodeSet HostTopology::nodes_of(const CpuSet& wanted) const {
  NodeSet all;
  for (const CpuId id : wanted.members()) {
    const Cpu* cpu = find(id);
    if (cpu != nullptr && cpu->node.value() >= 0) all.insert(cpu->node);
  }
  return all;
}

CpuSet HostTopology::first_cores() const {
  std::map<int, const Cpu*> first;  // by package; cpus are ascending, so the first one met counts
  for (const Cpu& cpu : cpus) {
    if (cpu.package >= 0) first.try_emplace(cpu.package, &cpu);
  }
  CpuSet all;
  for (const auto& [package, cpu] : first) {
    all |= cpu->siblings;
    all.insert(cpu->id);
  }
  return all;
}

}  // namespace kvmrt::partition
