// SPDX-License-Identifier: MIT
// Hosts for tests of the checks: a captured one by name, or a few files over it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "partition/checks/check.h"
#include "partition/checks/host_view.h"
#include "partition/checks/view_topology.h"
#include "partition/planner.h"
#include "tests/paths.h"

namespace kvmrt::partition::checks {

inline std::string captured_path(const std::string& name) {
  return std::string(KVMRT_SOURCE_DIR) + "/tests/hosts/captured/" + name + ".host";
}

inline SnapshotHost host_of(const std::string& text) {
  return SnapshotHost::from_text(text).value();
}

/// The captured host, with these files instead of its own ("<ENOENT>" takes one away).
inline SnapshotHost captured(const std::string& name,
                             const std::map<std::string, std::string>& changes = {}) {
  std::string text = read_file(captured_path(name));
  for (const auto& [path, content] : changes) text += "\n" + path + ": " + content + "\n";
  return host_of(text);
}

/// An RT VM "line3" with two vCPUs, one of them or both on the CPUs after the first.
inline VmRequest rt_request(const CpuSet& cpuset, int vcpus = 2) {
  VmRequest request;
  request.name = "line3";
  request.uuid = "6f1c1c6e-0000-5000-8000-000000000003";
  request.nr_vcpus = vcpus;
  request.cpuset = Choice<CpuSet>::of(cpuset);
  request.numatune = Choice<NodeSet>::automatic();
  request.rt = true;
  request.rt_memory = true;
  for (int i = 0; i < vcpus; ++i) request.rt_vcpus.push_back(i);
  return request;
}

inline WantedVm planned(const HostView& host, const VmRequest& request) {
  PlanningInput input;
  input.topology = topology_of(host);
  input.configured = {request};
  return {request, plan_all(input).plans.at(0), 40, {}};
}

inline Wanted wanted_for(const HostView& host, const VmRequest& request) {
  const std::vector<WantedVm> vms{planned(host, request)};
  return wanted_of(host, vms, "/etc/kvmrt");
}

inline Result result_of(const HostView& host, const Wanted& wanted, const std::string& id) {
  const std::vector<std::string> ids{id};
  const auto results = run_checks(host, wanted, ids);
  return results.empty() ? Result{} : results.front();
}

inline Status status_of(const HostView& host, const Wanted& wanted, const std::string& id) {
  return result_of(host, wanted, id).status;
}

}  // namespace kvmrt::partition::checks
