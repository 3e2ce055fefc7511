// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fcntl.h>
#include <string>

#include "launcher/command_line_draft.h"
#include "launcher/shared_memory.h"

namespace kvmrt::launcher {
namespace {

bool shared(const profiles::Profile& profile) {
  return std::any_of(profile.networks.begin(), profile.networks.end(),
                     [](const profiles::Network& net) { return net.type == "vhost-user"; });
}

/// Huge pages are always allocated in advance: without it a shortage shows as SIGBUS later.
bool preallocated(const profiles::Profile& profile) {
  return profile.rt_memory || profile.memory.hugepages.has_value();
}

/// A set as QEMU's list options take it: the key again for each range.
void set_ranges(Options& options, std::string_view key, std::string_view list) {
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    options.set(key, list.substr(begin, end - begin));
    begin = end + 1;
  }
}

/// The threads that touch the pages live and die before anybody could place them; those that a
/// thread-context makes keep to its CPUs. With one emulator CPU the main thread does it there.
constexpr std::size_t kMaxPreallocThreads = 8;

std::size_t prealloc_threads(const Draft& draft) {
  if (!preallocated(draft.profile)) return 1;
  return std::clamp<std::size_t>(draft.plan.emulator_cpus.count(), 1, kMaxPreallocThreads);
}

void append_prealloc_context(Draft& draft) {
  if (prealloc_threads(draft) < 2) return;
  Options options("thread-context");
  options.set("id", "prealloc0");
  set_ranges(options, "cpu-affinity", draft.plan.emulator_cpus.list());
  draft.add("-object", options);
}

void set_placement(const Draft& draft, Options& options, const partition::NodeSet& nodes) {
  if (preallocated(draft.profile)) {
    options.on("prealloc");
    if (const std::size_t threads = prealloc_threads(draft); threads > 1)
      options.set("prealloc-threads", static_cast<int>(threads))
          .set("prealloc-context", "prealloc0");
  }
  if (nodes.empty()) return;
  set_ranges(options, "host-nodes", nodes.list());
  options.set("policy", "bind");
}

void append_backend(Draft& draft, const std::string& id, Bytes size,
                    const partition::NodeSet& nodes) {
  const auto& hugepages = draft.profile.memory.hugepages;
  const bool memfd = hugepages || shared(draft.profile);
  Options options(memfd ? "memory-backend-memfd" : "memory-backend-ram");
  options.set("id", id).set("size", size_text(size));
  if (hugepages) options.on("hugetlb").set("hugetlbsize", size_text(*hugepages));
  if (memfd) options.on("share");
  set_placement(draft, options, nodes);
  draft.add("-object", options);
}

/// vCPU n of the guest by the topology's coordinates.
Options numa_cpu(const profiles::CpuTopology& topology, int node, int vcpu) {
  const int per_socket = topology.cores * topology.threads;
  return Options("cpu")
      .set("node-id", node)
      .set("socket-id", vcpu / per_socket)
      .set("core-id", vcpu % per_socket / topology.threads)
      .set("thread-id", vcpu % topology.threads);
}

void append_guest_node(Draft& draft, int number, const profiles::GuestNode& node) {
  const std::string id = "ram" + std::to_string(number);
  append_backend(draft, id, node.memory,
                 node.host_nodes.empty() ? draft.plan.numa_nodes : node.host_nodes);
  draft.add("-numa", Options("node").set("nodeid", number).set("memdev", id));
  for (const int vcpu : node.vcpus)
    draft.add("-numa", numa_cpu(draft.profile.topology, number, vcpu));
}

}  // namespace

void append_memory(Draft& draft) {
  const profiles::Profile& profile = draft.profile;
  draft.add("-m", size_text(profile.memory.size));
  append_prealloc_context(draft);
  if (profile.numa.empty())
    return append_backend(draft, "ram0", profile.memory.size, draft.plan.numa_nodes);
  for (int number = 0; number < static_cast<int>(profile.numa.size()); ++number)
    append_guest_node(draft, number, profile.numa[static_cast<std::size_t>(number)]);
}

void append_memory_lock(Draft& draft) {
  if (draft.profile.rt_memory) draft.add("-overcommit", "mem-lock=on");
}

void append_shared_memory(Draft& draft) {
  int index = 0;
  for (const profiles::SharedMemory& memory : draft.profile.shared_memory) {
    const std::string id = "shm" + std::to_string(index);
    const std::string key = item_key("shared_memory", index, "name");
    // memory-backend-file opens by path only; both VMs name the same file. The descriptor is for
    // the lock on it, which QEMU holds as long as it lives.
    const std::string path =
        draft.use_path(PathUse::Kind::shared_memory, shared_memory_path(memory.name), key);
    draft.hand_over({.kind = Handover::Kind::file,
                     .path = path,
                     .open_flags = O_RDWR | O_CREAT,
                     .index = index,
                     .key = key});
    Options options("memory-backend-file");
    options.set("id", id).set("size", size_text(memory.size)).set("mem-path", path).on("share");
    set_placement(draft, options, draft.plan.numa_nodes);
    draft.add("-object", options);
    draft.add("-device", Options("ivshmem-plain").set("memdev", id));
    ++index;
  }
}

}  // namespace kvmrt::launcher
