// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

struct Thread {
  std::string cpuset;
  std::string policy;
  int priority = 0;
};

std::map<int, Thread> numbered(const Element& domain) {
  std::map<int, Thread> threads;
  const Element count = domain.child("iothreads");
  const Element ids = domain.child("iothreadids");
  for (const Element& thread : ids.children("iothread")) {
    if (const auto id = number_of(thread.attr("id"))) threads[*id];
  }
  constexpr int kMost = 256;
  const int wanted = std::min(number_of(count.text()).value_or(0), kMost);
  for (int id = 1; std::cmp_less(threads.size(), wanted); ++id) threads[id];
  return threads;
}

void take_pins(const Element& tune, std::map<int, Thread>& threads) {
  for (const Element& pin : tune.children("iothreadpin")) {
    const auto id = number_of(pin.attr("iothread"));
    const auto cpus = cpus_of(pin.attr("cpuset"));
    if (id && cpus && threads.contains(*id)) {
      threads[*id].cpuset = cpus->list();
    } else {
      pin.leave("there is no such iothread");
    }
  }
}

void take_scheds(const Element& tune, std::map<int, Thread>& threads) {
  for (const Element& sched : tune.children("iothreadsched")) {
    const std::string policy = sched.attr("scheduler");
    const auto priority = number_of(sched.attr("priority"));
    const auto ids = cpus_of(sched.attr("iothreads"));
    if ((policy != "fifo" && policy != "rr") || !priority || *priority < 1 || *priority > 99 ||
        !ids) {
      sched.leave("allowed: fifo and rr with a priority 1..99");
      continue;
    }
    for (const CpuId id : ids->members()) {
      if (!threads.contains(id.value())) continue;
      threads[id.value()].policy = policy;
      threads[id.value()].priority = *priority;
    }
  }
}

}  // namespace

void take_iothreads(const Element& domain, Draft& draft) {
  std::map<int, Thread> threads = numbered(domain);
  const Element tune = domain.child("cputune");
  take_pins(tune, threads);
  take_scheds(tune, threads);
  if (threads.empty()) return;
  Node& list = draft.list("iothreads");
  for (const auto& [id, thread] : threads) {
    Node item = Node::map();
    item.at("name") = Node::string(fmt::format("io{}", id));
    if (!thread.cpuset.empty()) item.at("cpuset") = Node::string(thread.cpuset);
    if (!thread.policy.empty()) {
      item.at("policy") = Node::string(thread.policy);
      item.at("priority") = Node::plain(std::to_string(thread.priority));
    }
    list.items.push_back(std::move(item));
  }
}

}  // namespace kvmrt::profiles::import
