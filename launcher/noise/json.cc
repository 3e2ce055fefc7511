// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "launcher/noise/print.h"

namespace kvmrt::launcher::noise {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const VcpuNoise& vcpu) {
  ordered_json made;
  made["vcpu"] = vcpu.index;
  made["cpus"] = vcpu.cpus.list();
  made["run_time_ns"] = vcpu.run_time.count();
  made["run_delay_ns"] = vcpu.run_delay.count();
  made["slices"] = vcpu.slices;
  made["mean_wait_ns"] = vcpu.mean_wait().count();
  made["longest_wait_ns"] =
      vcpu.longest_wait ? ordered_json(vcpu.longest_wait->count()) : ordered_json(nullptr);
  made["involuntary_switches"] = vcpu.involuntary_switches;
  made["major_faults"] = vcpu.major_faults;
  made["kvm_exits"] = vcpu.exits.empty() ? ordered_json(nullptr) : ordered_json(vcpu.exits);
  made["verdict"] = to_string(vcpu.verdict);
  return made;
}

ordered_json to_json(const Disturber& one) {
  ordered_json made;
  made["source"] = to_string(one.source);
  made["name"] = one.name;
  made["cpus"] = one.cpus.list();
  made["count"] = one.count;
  if (one.source != Source::task) return made;
  made["tid"] = one.tid.value();
  made["kernel"] = one.kernel;
  made["time_ns"] = one.time.count();
  made["at_most"] = one.at_most;
  return made;
}

ordered_json to_json(const Noise& noise) {
  ordered_json made;
  made["period_ns"] = noise.period.count();
  made["watched_cpus"] = noise.watched.list();
  made["smis_known"] = noise.smis_known;
  made["vcpus"] = ordered_json::array();
  for (const VcpuNoise& vcpu : noise.vcpus) made["vcpus"].push_back(to_json(vcpu));
  made["disturbers"] = ordered_json::array();
  for (const Disturber& one : noise.disturbers) made["disturbers"].push_back(to_json(one));
  const Disturber* culprit = noise.culprit();
  made["culprit"] = culprit != nullptr ? to_json(*culprit) : ordered_json(nullptr);
  return made;
}

}  // namespace

ordered_json noise_json(const VmNoise& noise) {
  ordered_json made;
  made["budget_ns"] = noise.budget.count();
  made["since_start"] = to_json(noise.since_start);
  made["interval"] = noise.interval ? to_json(*noise.interval) : ordered_json(nullptr);
  return made;
}

}  // namespace kvmrt::launcher::noise
