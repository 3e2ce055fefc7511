// SPDX-License-Identifier: MIT
#include "partition/probe.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <hwloc.h>

#include "base/error.h"
#include "base/file.h"
#include "partition/probe_hwloc.h"
#include "partition/probe_sysfs.h"

namespace kvmrt::partition {
namespace {

/// hwloc's own way to another root, for as long as one load takes.
class HwlocRoot {
 public:
  explicit HwlocRoot(const std::filesystem::path& root) : set_(root != "/") {
    if (set_)
      ::setenv("HWLOC_FSROOT", root.c_str(), 1);
    else
      ::unsetenv("HWLOC_FSROOT");
  }
  ~HwlocRoot() {
    if (set_) ::unsetenv("HWLOC_FSROOT");
  }
  HwlocRoot(const HwlocRoot&) = delete;
  HwlocRoot& operator=(const HwlocRoot&) = delete;

 private:
  bool set_;
};

HwlocTopology load_host(const std::filesystem::path& root) {
  const HwlocRoot environment(root);
  HwlocTopology hwloc = new_hwloc_topology(HwlocDevices::none);
  if (!load(hwloc)) throw_errno("read topology of", root.string());
  // A root that does not exist is silently this machine for hwloc.
  if (root != "/" && hwloc_topology_is_thissystem(hwloc.get()) != 0)
    throw SystemError("read topology of", root.string(), ENOENT);
  return hwloc;
}

}  // namespace

HostTopology probe_topology(const ProbeOptions& options) {
  HostTopology host = from_hwloc(load_host(options.root));
  host.source = options.root == "/" ? "this host" : options.root.string();
  host.devices.clear();
  if (options.remembered != nullptr) remember(host, *options.remembered);
  complete_cpus(host, options.root);
  complete_nodes(host, options.root);
  add_devices(host, options.root,
              options.all_devices ? all_devices(options.root) : options.devices);
  return host;
}

void remember(HostTopology& now, const HostTopology& before) {
  for (Cpu& cpu : now.cpus) {
    const Cpu* known = before.find(cpu.id);
    if (known == nullptr) continue;
    cpu.siblings |= known->siblings;
    if (cpu.online) continue;
    cpu.package = known->package;
    cpu.node = known->node;
    cpu.llc = known->llc;
    // Core numbers count online cores, so a sibling that is online knows the present one.
    cpu.core = known->core;
    for (const Cpu& other : now.cpus) {
      if (other.online && cpu.siblings.has(other.id)) cpu.core = other.core;
    }
  }
}

}  // namespace kvmrt::partition
