// SPDX-License-Identifier: MIT
// Builders of hosts and requests for the planner's tests.
#pragma once

#include <string>

#include "partition/planner.h"

namespace kvmrt::partition {

struct HostShape {
  int packages = 1;
  int nodes_per_package = 1;
  int cores = 4;  ///< per node
  int threads = 1;
  int llcs_per_node = 1;
  Bytes memory_per_node = gib(16);
};

/// CPUs are numbered core by core; CPU 0 cannot go offline.
inline HostTopology make_host(const HostShape& shape) {
  HostTopology host;
  host.source = "a test";
  const int per_node = shape.cores * shape.threads;
  const int nodes = shape.packages * shape.nodes_per_package;
  for (int id = 0; id < per_node * nodes; ++id) {
    Cpu cpu;
    cpu.id = CpuId(id);
    cpu.core = id / shape.threads;
    cpu.node = NodeId(id / per_node);
    cpu.package = id / per_node / shape.nodes_per_package;
    const int per_llc = per_node / shape.llcs_per_node;
    cpu.llc = id / per_llc * per_llc;
    cpu.siblings = CpuSet::range(cpu.core * shape.threads, (cpu.core + 1) * shape.threads - 1);
    cpu.can_go_offline = id != 0;
    host.cpus.push_back(cpu);
  }
  for (int id = 0; id < nodes; ++id) {
    Node node{NodeId(id),
              CpuSet::range(id * per_node, (id + 1) * per_node - 1),
              shape.memory_per_node,
              shape.memory_per_node,
              {}};
    host.nodes.push_back(node);
  }
  return host;
}

/// One vCPU; an empty cpuset is `unset`.
inline VmRequest request_for(const std::string& name, const CpuSet& cpuset, bool rt) {
  VmRequest request;
  request.name = name;
  request.uuid = "uuid-of-" + name;
  if (!cpuset.empty()) request.cpuset = Choice<CpuSet>::of(cpuset);
  request.numatune = Choice<NodeSet>::automatic();
  request.rt = rt;
  request.rt_memory = rt;
  if (rt) request.rt_vcpus = {0};
  request.guest_cmdline_known = false;
  return request;
}

inline bool has_code(const Problems& problems, const std::string& code) {
  for (const Problem& problem : problems) {
    if (problem.code == code) return true;
  }
  return false;
}

inline std::string codes_of(const Problems& problems) {
  std::string codes;
  for (const Problem& problem : problems) codes += (codes.empty() ? "" : " ") + problem.code;
  return codes;
}

inline Lease lease_of(const VmRequest& request, const VmPlan& plan) {
  Lease lease;
  lease.vm = request.name;
  lease.uuid = request.uuid;
  lease.started = true;
  lease.plan = plan;
  lease.request = request;
  return lease;
}

}  // namespace kvmrt::partition
