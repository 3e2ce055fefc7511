// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "launcher/latency/report.h"
#include "launcher/problem_json.h"

namespace kvmrt::launcher::latency {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json to_json(const Report& report, const Series& one) {
  const Histogram& h = one.histogram;
  ordered_json made;
  made["where"] = one.where;
  made["cpu"] = one.cpu;
  made["wakeups"] = h.total();
  made["min_us"] = h.least();
  made["avg_us"] = h.mean();
  made["p99_us"] = h.quantile(0.99);
  made["p99_9_us"] = h.quantile(0.999);
  made["p99_99_us"] = h.quantile(0.9999);
  made["max_us"] = h.greatest();
  made["overruns"] = report.overruns(one);
  made["over_budget"] = report.budget_us == 0 ? 0 : h.at_least(report.budget_us + 1);
  made["histogram"] = ordered_json::array();
  for (const auto& [us, count] : h.counts()) made["histogram"].push_back({us, count});
  return made;
}

ordered_json to_json(const Traced& traced) {
  ordered_json made;
  made["tracer"] = traced.tracer;
  made["cpus"] = ordered_json::array();
  for (const auto& [cpu, values] : traced.cpus)
    made["cpus"].push_back({{"cpu", cpu.value()}, {"values", values}});
  return made;
}

Series series_from(const json& text) {
  Series one;
  one.where = text.at("where");
  one.cpu = text.at("cpu");
  for (const json& bar : text.at("histogram"))
    one.histogram.add(bar.at(0).get<std::int64_t>(), bar.at(1).get<std::uint64_t>());
  return one;
}

Traced traced_from(const json& text) {
  Traced traced;
  traced.tracer = text.at("tracer");
  for (const json& cpu : text.at("cpus"))
    traced.cpus[CpuId(cpu.at("cpu").get<int>())] =
        cpu.at("values").get<std::map<std::string, double>>();
  return traced;
}

Report report_from(const json& text) {
  Report report;
  report.tool = text.at("tool");
  report.host = text.at("host");
  report.vm = text.at("vm");
  report.load = text.at("load");
  report.started = text.at("started");
  report.seconds = text.at("seconds");
  report.seconds_wanted = text.at("seconds_wanted");
  report.interval_us = text.at("interval_us");
  report.priority = text.at("priority");
  report.budget_us = text.at("budget_us");
  for (const json& one : text.at("series")) report.series.push_back(series_from(one));
  for (const json& one : text.at("traced")) report.traced.push_back(traced_from(one));
  report.guest = text.at("guest").get<std::vector<std::string>>();
  return report;
}

}  // namespace

std::string report_to_json(const Report& report) {
  ordered_json made;
  made["kind"] = "kvmrt-latency";
  made["tool"] = report.tool;
  made["host"] = report.host;
  made["vm"] = report.vm;
  made["load"] = report.load;
  made["started"] = report.started;
  made["seconds"] = report.seconds;
  made["seconds_wanted"] = report.seconds_wanted;
  made["interval_us"] = report.interval_us;
  made["priority"] = report.priority;
  made["budget_us"] = report.budget_us;
  made["verdict"] = report.budget_us == 0          ? "no budget"
                    : report.over_budget().empty() ? "within"
                                                   : "over";
  made["series"] = ordered_json::array();
  for (const Series& one : report.series) made["series"].push_back(to_json(report, one));
  made["traced"] = ordered_json::array();
  for (const Traced& one : report.traced) made["traced"].push_back(to_json(one));
  made["guest"] = report.guest;
  return json_text(made);
}

Report report_from_json(std::string_view text) {
  try {
    const json read = json::parse(text);
    if (read.at("kind") != "kvmrt-latency") throw std::runtime_error("another kind of file");
    return report_from(read);
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("no report of kvmrt-latency --json: {}", error.what()));
  }
}

}  // namespace kvmrt::launcher::latency
