// SPDX-License-Identifier: MIT
// cputune and numatune: who runs where, and how.
#include <algorithm>
#include <fmt/format.h>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

using partition::CpuSet;

struct Pins {
  std::map<int, CpuSet> vcpus;
  std::optional<CpuSet> emulator;
};

Pins take_pins(const Element& tune) {
  Pins pins;
  for (const Element& pin : tune.children("vcpupin")) {
    const auto vcpu = number_of(pin.attr("vcpu"));
    const auto cpus = cpus_of(pin.attr("cpuset"));
    if (vcpu && cpus && !cpus->empty()) {
      pins.vcpus[*vcpu] = *cpus;
    } else {
      pin.leave("not understood");
    }
  }
  const Element emulator = tune.child("emulatorpin");
  pins.emulator = cpus_of(emulator.attr("cpuset"));
  if (pins.emulator && pins.emulator->empty()) pins.emulator.reset();
  return pins;
}

struct Sched {
  std::string policy;
  int priority = 0;
};

std::optional<Sched> sched_of(const Element& element) {
  const std::string policy = element.attr("scheduler");
  const auto priority = number_of(element.attr("priority"));
  if ((policy != "fifo" && policy != "rr") || !priority || *priority < 1 || *priority > 99) {
    element.leave("allowed: fifo and rr with a priority 1..99");
    return std::nullopt;
  }
  return Sched{policy, *priority};
}

void take_vcpu_scheds(const Element& tune, Draft& draft) {
  CpuSet realtime;
  std::optional<Sched> first;
  for (const Element& element : tune.children("vcpusched")) {
    const auto sched = sched_of(element);
    const auto vcpus = cpus_of(element.attr("vcpus"));
    if (!sched || !vcpus) continue;
    if (first && (first->policy != sched->policy || first->priority != sched->priority)) {
      element.leave("one policy and priority for all real-time vCPUs");
      continue;
    }
    first = sched;
    realtime |= *vcpus;
  }
  if (!first) return;
  draft.rt = true;
  draft.plain("rt", "true");
  draft.text("realtime.policy", first->policy);
  draft.plain("realtime.priority", std::to_string(first->priority));
  if (realtime != CpuSet::range(0, draft.nr_vcpus - 1))
    draft.text("realtime.vcpus", realtime.list());
}

void take_emulator_sched(const Element& tune, Draft& draft) {
  const Element element = tune.child("emulatorsched");
  if (!element) return;
  const auto sched = sched_of(element);
  if (!sched) return;
  draft.text("realtime.emulator.policy", sched->policy);
  draft.plain("realtime.emulator.priority", std::to_string(sched->priority));
}

bool all_single(const Pins& pins) {
  return std::all_of(pins.vcpus.begin(), pins.vcpus.end(),
                     [](const auto& pin) { return pin.second.count() == 1; });
}

/// Whether kvmrt's rule (the lowest CPU for the emulator, the others in order) gives these pins.
bool is_the_rule(const Pins& pins, const CpuSet& all) {
  const auto cpus = all.members();
  if (!pins.emulator || *pins.emulator != CpuSet::of(cpus.front())) return false;
  if (cpus.size() != pins.vcpus.size() + 1) return false;
  for (const auto& [vcpu, set] : pins.vcpus) {
    const auto at = static_cast<std::size_t>(vcpu) + 1;
    if (at >= cpus.size() || set != CpuSet::of(cpus[at])) return false;
  }
  return true;
}

void pin_one_by_one(const Pins& pins, const CpuSet& cpus, Draft& draft) {
  const auto members = cpus.members();
  Node pin = Node::map();
  bool in_order = members.size() == pins.vcpus.size();
  for (const auto& [vcpu, set] : pins.vcpus) {
    const auto at = static_cast<std::size_t>(vcpu);
    in_order = in_order && at < members.size() && set == CpuSet::of(members[at]);
    pin.at(std::to_string(vcpu)) = Node::plain(std::to_string(set.lowest()->value()));
  }
  if (!in_order) draft.node("realtime.pin", std::move(pin));
}

void place_by_pins(const Pins& pins, Draft& draft) {
  CpuSet vcpu_cpus;
  for (const auto& [vcpu, set] : pins.vcpus) vcpu_cpus |= set;
  CpuSet all = vcpu_cpus;
  if (pins.emulator) all |= *pins.emulator;
  if (all_single(pins) && is_the_rule(pins, all)) return draft.text("cpuset", all.list());
  draft.text("cpuset", vcpu_cpus.list());
  draft.text("realtime.emulator_cpuset",
             pins.emulator ? pins.emulator->list() : std::string("housekeeping"));
  if (all_single(pins)) {
    pin_one_by_one(pins, vcpu_cpus, draft);
  } else if (draft.rt || pins.vcpus.size() > 1) {
    draft.warn("imported-approximated", "cpuset",
               fmt::format("vCPUs that are pinned to several CPUs share {} by kvmrt's rule instead",
                           vcpu_cpus.list()));
  }
}

void take_cpusets(const Element& domain, const Element& tune, Draft& draft) {
  const Pins pins = take_pins(tune);
  const auto vcpu_set = cpus_of(domain.child("vcpu").attr("cpuset"));
  if (!pins.vcpus.empty()) {
    if (vcpu_set && std::cmp_less(pins.vcpus.size(), draft.nr_vcpus))
      draft.warn("imported-approximated", "cpuset",
                 "only some vCPUs are pinned; the others follow kvmrt's rule");
    return place_by_pins(pins, draft);
  }
  CpuSet cpus = vcpu_set.value_or(CpuSet());
  if (cpus.empty() && !pins.emulator) return;
  if (cpus.empty()) {
    tune.child("emulatorpin").leave("the vCPUs have no CPUs of their own");
    return;
  }
  draft.text("cpuset", cpus.list());
  if (pins.emulator) draft.text("realtime.emulator_cpuset", pins.emulator->list());
}

void take_cache(const Element& tune, Draft& draft) {
  for (const Element& element : tune.children("cachetune")) {
    const auto parts = element.children("cache");
    const bool whole_guest = cpus_of(element.attr("vcpus")) == CpuSet::range(0, draft.nr_vcpus - 1);
    if (!whole_guest || parts.size() != 1 || draft.has("cache")) {
      element.leave("one cache class for the whole VM, level 3");
      continue;
    }
    const auto size = amount_of(parts[0].attr("size"), parts[0].attr("unit"));
    if (parts[0].attr("level") != "3" || parts[0].attr("type") != "both" || !size) {
      parts[0].leave("one cache class for the whole VM, level 3, data and code");
      continue;
    }
    draft.text("cache.l3", to_string(*size));
    if (parts[0].has("id")) parts[0].leave("id", "the caches of the VM's own CPUs");
  }
  for (const Element& element : tune.children("memorytune")) {
    const auto parts = element.children("node");
    const bool whole_guest = cpus_of(element.attr("vcpus")) == CpuSet::range(0, draft.nr_vcpus - 1);
    if (!whole_guest || parts.size() != 1) {
      element.leave("one bandwidth for the whole VM");
      continue;
    }
    draft.text("cache.mba", parts[0].attr("bandwidth") + "%");
    if (parts[0].has("id")) parts[0].leave("id", "the nodes of the VM's own CPUs");
  }
}

void take_numatune(const Element& domain, Draft& draft) {
  const Element tune = domain.child("numatune");
  const Element memory = tune.child("memory");
  if (memory.peek("placement") == "auto") {
    memory.leave("see numatune: auto");
  } else if (memory) {
    (void)memory.attr("placement");
    const std::string mode = memory.attr("mode");
    if (!mode.empty() && mode != "strict") memory.leave("mode", "nodes are always strict");
    if (const auto nodes = cpus_of(memory.attr("nodeset"))) draft.text("numatune", nodes->list());
  }
  Node* cells = draft.document.find("numa");
  for (const Element& node : tune.children("memnode")) {
    const auto cell = number_of(node.attr("cellid"));
    const auto nodes = cpus_of(node.attr("nodeset"));
    if (cells == nullptr || !cell || !nodes || std::cmp_greater_equal(*cell, cells->items.size())) {
      node.leave("there is no such cell");
      continue;
    }
    cells->items[static_cast<std::size_t>(*cell)].at("host_nodes") = Node::string(nodes->list());
    if (node.attr("mode") != "strict") node.leave("mode", "nodes are always strict");
  }
}

/// An iothread beside the emulator's threads, outside the vCPUs' CPUs, is cpuset: emulator.
void settle_iothreads(Draft& draft) {
  Node* threads = draft.document.find("iothreads");
  const Node* cpuset = draft.document.find("cpuset");
  if (threads == nullptr) return;
  const auto own = cpuset != nullptr ? cpus_of(cpuset->text) : std::nullopt;
  for (Node& thread : threads->items) {
    const Node* pinned = thread.find("cpuset");
    const auto cpus = pinned != nullptr ? cpus_of(pinned->text) : std::nullopt;
    if (!cpus || (own && (*cpus - *own).empty())) continue;
    draft.warn("imported-mapped", "iothreads",
               fmt::format("{} was pinned to {}, which is not among the vCPUs' CPUs; it runs where "
                           "the emulator's threads do",
                           thread.find("name")->text, cpus->list()));
    thread.at("cpuset") = Node::string("emulator");
  }
}

}  // namespace

void take_placement(const Element& domain, Draft& draft) {
  const Element tune = domain.child("cputune");
  take_vcpu_scheds(tune, draft);
  take_emulator_sched(tune, draft);
  take_cpusets(domain, tune, draft);
  settle_iothreads(draft);
  take_cache(tune, draft);
  take_numatune(domain, draft);
  if (draft.rt && !draft.locked)
    draft.warn("imported-mapped", "rt_memory",
               "a real-time VM's memory is locked, although the XML does not lock it");
  if (draft.rt && !draft.has("cpuset")) {
    draft.text("cpuset", "auto");
    draft.warn("imported-mapped", "cpuset",
               "a real-time VM without pinned vCPUs gets cpuset: auto");
  }
}

}  // namespace kvmrt::profiles::import
