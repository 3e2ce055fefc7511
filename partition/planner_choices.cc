// SPDX-License-Identifier: MIT
#include "partition/planner_choices.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace kvmrt::partition {
namespace {

/// The lowest online CPU of a core stands for it, if the online others can leave.
bool stands_for_core(const HostTopology& topology, SiblingRule rule, const Cpu& named) {
  if (named.siblings.count() <= 1) return true;
  for (const CpuId id : named.siblings.members()) {
    const Cpu* sibling = topology.find(id);
    if (id == named.id || sibling == nullptr || !sibling->online) continue;
    if (id < named.id) return false;
    if (!sibling->can_go_offline && rule != SiblingRule::leave) return false;
  }
  return true;
}

int kind_of(const Cpu& cpu, bool rt) {
  const int merit = cpu.nohz_full ? 2 : cpu.isolated ? 1 : 0;
  return rt ? 2 - merit : merit;
}

Choosable choosable(const Cpu& cpu, bool rt) {
  Choosable one{cpu.id, cpu.core, cpu.package, cpu.node.value(), cpu.llc, kind_of(cpu, rt)};
  if (!rt || cpu.siblings.count() <= 1) return one;
  one.siblings = cpu.siblings.members();
  std::erase(one.siblings, cpu.id);
  return one;
}

void number_scopes(Choices& choices) {
  std::map<std::pair<int, int>, int> numbers;
  const auto keys = [](const Choosable& one) {
    return std::array<std::pair<int, int>, 4>{
        {{0, one.llc}, {1, one.node}, {2, one.package}, {3, 0}}};
  };
  for (const Choosable& one : choices.best_first) {
    for (const auto& key : keys(one)) numbers.try_emplace(key, 0);
  }
  for (auto& [key, number] : numbers) number = choices.scopes++;
  for (Choosable& one : choices.best_first) {
    const auto own = keys(one);
    for (std::size_t i = 0; i < own.size(); ++i) one.scopes[i] = numbers.at(own[i]);
  }
}

}  // namespace

Choices choices_for(const HostTopology& topology, SiblingRule siblings, bool rt) {
  Choices choices;
  for (const Cpu& cpu : topology.cpus) {
    if (cpu.online && (!rt || stands_for_core(topology, siblings, cpu)))
      choices.best_first.push_back(choosable(cpu, rt));
  }
  const auto key = [](const Choosable& one) {
    return std::tuple(one.kind, -one.package, -one.node, -one.llc, -one.core, -one.cpu.value());
  };
  std::sort(choices.best_first.begin(), choices.best_first.end(),
            [&](const Choosable& a, const Choosable& b) { return key(a) < key(b); });
  number_scopes(choices);
  return choices;
}

}  // namespace kvmrt::partition
