// SPDX-License-Identifier: MIT
#include "launcher/noise/ledger.h"

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace kvmrt::launcher::noise {
namespace {

using nlohmann::json;

std::filesystem::path path_of(const VmFolder& folder) { return folder.path() / "noise.json"; }

json to_json(const Disturber& one) {
  return {{"name", one.name},     {"tid", one.tid.value()},   {"cpus", one.cpus.list()},
          {"kernel", one.kernel}, {"time", one.time.count()}, {"at_most", one.at_most},
          {"count", one.count}};
}

Disturber disturber_from(const json& text) {
  Disturber one;
  one.name = text.at("name");
  one.tid = Tid(text.at("tid").get<int>());
  one.cpus = partition::CpuSet::from_list(text.at("cpus").get<std::string>()).value();
  one.kernel = text.at("kernel");
  one.time = nanoseconds(text.at("time").get<std::int64_t>());
  one.at_most = text.at("at_most");
  one.count = text.at("count");
  return one;
}

}  // namespace

void write_ledger(const VmFolder& folder, const Ledger& ledger) {
  json past = json::array();
  for (const Disturber& one : ledger.past) past.push_back(to_json(one));
  const json made{{"budget", ledger.budget.count()},
                  {"baseline", counters_to_json(ledger.baseline)},
                  {"last", counters_to_json(ledger.last)},
                  {"past", std::move(past)}};
  replace_file(path_of(folder), made.dump(-1, ' ', false, json::error_handler_t::replace), 0600,
               Sync::no);
}

std::optional<Ledger> read_ledger(const VmFolder& folder) {
  const auto text = read_file_if_any(path_of(folder));
  if (!text) return std::nullopt;
  try {
    const json read = json::parse(*text);
    Ledger ledger;
    ledger.budget = nanoseconds(read.at("budget").get<std::int64_t>());
    ledger.baseline = counters_from_json(read.at("baseline").get<std::string>()).value();
    ledger.last = counters_from_json(read.at("last").get<std::string>()).value();
    for (const json& one : read.at("past")) ledger.past.push_back(disturber_from(one));
    return ledger;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace kvmrt::launcher::noise
