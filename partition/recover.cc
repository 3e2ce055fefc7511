// SPDX-License-Identifier: MIT
#include "partition/recover.h"

#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "partition/state.h"

namespace kvmrt::partition {
namespace {

void end(Host& host, const ProcessId& process, const std::string& vm, const char* what = "QEMU") {
  if (const int error = host.end_process(process))
    throw SystemError(std::string("kill ") + what + " of " + vm + ", pid", to_string(process.pid),
                      error);
}

/// Spawned but not yet marked when the supervisor died.
void end_members(Host& host, const Lease& lease) {
  const auto members = host.read(partition_knob(lease.vm) + "/vm/cgroup.procs");
  if (!members) return;
  for (const auto text : fields_of(*members)) {
    int pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    const auto task = host.task(Tid(pid));
    if (task && !task->kernel) end(host, {Pid(pid), task->start_time}, lease.vm);
  }
}

}  // namespace

bool lease_lives(Host& host, const Lease& lease) {
  if (host.alive(lease.supervisor)) return true;
  return lease.started && lease.qemu && host.alive(*lease.qemu);
}

std::vector<Lease> living(Host& host, const std::vector<Lease>& leases) {
  std::vector<Lease> left;
  for (const Lease& lease : leases) {
    if (lease_lives(host, lease)) {
      left.push_back(lease);
      continue;
    }
    if (lease.qemu) end(host, *lease.qemu, lease.vm);
    if (lease.tpm) end(host, *lease.tpm, lease.vm, "swtpm");
    end_members(host, lease);
  }
  return left;
}

}  // namespace kvmrt::partition
