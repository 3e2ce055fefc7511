// SPDX-License-Identifier: MIT
#include "partition/ledger.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "partition/ledger_lease.h"

namespace kvmrt::partition {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

/// Tasks with equal masks share an entry: a host has tens of thousands of tasks and a handful of
/// masks.
struct MaskGroup {
  CpuSet original;
  CpuSet written;
  std::string tasks;  ///< "TID:START TID:START …"
};

std::vector<MaskGroup> groups_of(const Ledger& ledger) {
  std::vector<int> order;
  order.reserve(ledger.masks.size());
  for (const auto& entry : ledger.masks) order.push_back(entry.first);
  std::sort(order.begin(), order.end());
  std::vector<MaskGroup> groups;
  std::size_t last = 0;
  for (const int tid : order) {
    const MaskRecord& record = ledger.masks.at(tid);
    const auto fits = [&record](const MaskGroup& group) {
      return group.original == record.original && group.written == record.written;
    };
    if (last >= groups.size() || !fits(groups[last])) {
      const auto found = std::find_if(groups.begin(), groups.end(), fits);
      last = static_cast<std::size_t>(found - groups.begin());
      if (found == groups.end()) groups.push_back({record.original, record.written, {}});
    }
    std::string& text = groups[last].tasks;
    if (!text.empty()) text += ' ';
    text += std::to_string(tid) + ':' + std::to_string(record.start_time);
  }
  return groups;
}

json masks_json(const Ledger& ledger) {
  json all = json::array();
  for (const auto& group : groups_of(ledger)) {
    all.push_back({{"original", group.original.list()},
                   {"written", group.written.list()},
                   {"tasks", group.tasks}});
  }
  return all;
}

CpuSet cpus_of(const json& value) {
  auto cpus = CpuSet::from_list(value.get<std::string>());
  if (!cpus) throw std::runtime_error("not a CPU set: " + value.dump());
  return *cpus;
}

template <class Number>
Number number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error("not a number: " + std::string(text));
  return value;
}

json outgoing_json(const Ledger& ledger) {
  json all = json::array();
  for (const auto& mask : ledger.outgoing) all.push_back(mask.list());
  return all;
}

void read_masks(const json& all, Ledger& ledger) {
  for (const auto& group : all) {
    const CpuSet original = cpus_of(group.at("original"));
    const CpuSet written = cpus_of(group.at("written"));
    for (const auto item : fields_of(group.at("tasks").get_ref<const std::string&>())) {
      const auto colon = item.find(':');
      if (colon == std::string_view::npos) throw std::runtime_error("not a task");
      ledger.masks[number_of<int>(item.substr(0, colon))] = {
          number_of<std::uint64_t>(item.substr(colon + 1)), original, written};
    }
  }
}

json scheduling_json(const Scheduling& s) {
  return json::array({static_cast<int>(s.policy), s.priority});
}

Scheduling scheduling_of(const json& value) {
  const int policy = value.at(0).get<int>();
  if (policy < 0 || policy > 2) throw std::runtime_error("not a policy");
  return {static_cast<Policy>(policy), value.at(1).get<int>()};
}

json policies_json(const Ledger& ledger) {
  json all = json::array();
  for (const auto& [tid, record] : ledger.policies) {
    all.push_back({{"task", tid},
                   {"start_time", record.start_time},
                   {"original", scheduling_json(record.original)},
                   {"written", scheduling_json(record.written)}});
  }
  return all;
}

void read_policies(const json& all, Ledger& ledger) {
  for (const auto& value : all) {
    ledger.policies[value.at("task").get<int>()] = {value.at("start_time").get<std::uint64_t>(),
                                                    scheduling_of(value.at("original")),
                                                    scheduling_of(value.at("written"))};
  }
}

Ledger read_ledger(const json& value) {
  if (value.at("format").get<int>() != kFormat) throw std::runtime_error("unknown format");
  Ledger ledger;
  ledger.boot_id = value.at("boot_id").get<std::string>();
  ledger.pending = value.at("pending").get<bool>();
  ledger.policy = policy_of(value.at("policy"));
  ledger.boot_offline = cpus_of(value.at("boot_offline"));
  for (const auto& lease : value.at("leases")) ledger.leases.push_back(lease_of(lease));
  for (const auto& [knob, record] : value.at("knobs").items())
    ledger.knobs[knob] = {record.at("original").get<std::string>(),
                          record.at("written").get<std::string>()};
  read_masks(value.at("masks"), ledger);
  if (value.contains("outgoing")) {
    for (const auto& mask : value.at("outgoing")) ledger.outgoing.push_back(cpus_of(mask));
  }
  read_policies(value.at("policies"), ledger);
  value.at("pages").get_to(ledger.pages);
  return ledger;
}

}  // namespace

const Lease* Ledger::find(std::string_view vm) const {
  const auto at = std::find_if(leases.begin(), leases.end(),
                               [vm](const Lease& lease) { return lease.vm == vm; });
  return at == leases.end() ? nullptr : &*at;
}

Lease* Ledger::find(std::string_view vm) {
  return const_cast<Lease*>(std::as_const(*this).find(vm));
}

std::string to_json(const Ledger& ledger) {
  json knobs = json::object();
  for (const auto& [knob, record] : ledger.knobs)
    knobs[knob] = {{"original", record.original}, {"written", record.written}};
  json leases = json::array();
  for (const auto& lease : ledger.leases) leases.push_back(json_of(lease));
  const json value = {{"format", kFormat},
                      {"boot_id", ledger.boot_id},
                      {"pending", ledger.pending},
                      {"policy", json_of(ledger.policy)},
                      {"boot_offline", ledger.boot_offline.list()},
                      {"leases", std::move(leases)},
                      {"knobs", std::move(knobs)},
                      {"masks", masks_json(ledger)},
                      {"outgoing", outgoing_json(ledger)},
                      {"policies", policies_json(ledger)},
                      {"pages", ledger.pages}};
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Ledger ledger_of_json(std::string_view text) {
  try {
    return read_ledger(json::parse(text));
  } catch (const json::exception& error) {
    throw std::runtime_error(error.what());
  }
}

}  // namespace kvmrt::partition
