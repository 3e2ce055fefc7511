// SPDX-License-Identifier: MIT
// Advice on what is inside the VM: devices, guest system, priorities.
#include <fmt/format.h>

#include "partition/planner_checks.h"

namespace kvmrt::partition {
namespace {

constexpr int kIrqThreadPriority = 50;  // kernel/irq/manage.c: sched_set_fifo(), MAX_RT_PRIO / 2

void slow_device(Draft& draft, const std::string& key, const std::string& what,
                 const std::string& hint) {
  draft.findings.add("rt-slow-device", key, what, hint);
}

void advise_devices(Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.disk_without_iothread)
    slow_device(draft, "disks", "a disk without iothread is served by QEMU's main loop",
                "name an iothread for it");
  if (request.user_network)
    slow_device(draft, "networks", "a network of type user is emulated in QEMU's main loop",
                "use tap with vhost, or vhost-user");
  if (request.vnc)
    slow_device(draft, "graphics", "a VNC display copies the guest's screen in QEMU",
                "set graphics: none");
  if (request.sound)
    slow_device(draft, "sound", "sound is emulated by timers in QEMU's main loop",
                "set sound: off");
}

/// Whether a kernel command line sets CPUs of the guest apart.
bool isolates(const std::string& cmdline) {
  for (const char* parameter : {"isolcpus=", "nohz_full=", "rcu_nocbs="}) {
    const auto at = cmdline.find(parameter);
    if (at != std::string::npos && (at == 0 || cmdline[at - 1] == ' ')) return true;
  }
  return false;
}

void advise_guest_kernel(Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.guest_os != "linux" || !request.guest_realtime || !request.guest_cmdline_known)
    return;
  if (isolates(request.guest_cmdline)) return;
  draft.findings.add("guest-isolates-nothing", "boot.cmdline",
                     "isolates no vCPU for real-time work inside the guest",
                     "add isolcpus= and nohz_full= with the vCPUs of realtime.vcpus");
}

}  // namespace

void advise_guest(Draft& draft) {
  const VmRequest& request = draft.request;
  if (request.hide_kvm)
    draft.findings.add("hide-kvm", "hide_kvm", "on: the guest loses kvm-clock",
                       "the guest needs a TSC it can trust");
  if (request.guest_os == "windows" && request.guest_sockets != 1)
    draft.findings.add("windows-topology", "cpu_topology",
                       fmt::format("a Windows guest with {} sockets", request.guest_sockets),
                       "set cpu_topology: auto");
  if (!request.rt) return;
  if (!request.kvm)
    draft.findings.add("rt-without-kvm", "qemu.accel", "an RT VM under software emulation",
                       "enable virtualization in the firmware and load kvm_intel or kvm_amd");
  if (request.realtime.priority >= kIrqThreadPriority)
    draft.findings.add("priority-above-irq-threads", "realtime.priority",
                       fmt::format("{} is not below {}, where interrupt threads run",
                                   request.realtime.priority, kIrqThreadPriority),
                       "1 is enough for a CPU of its own");
  advise_devices(draft);
  advise_guest_kernel(draft);
}

}  // namespace kvmrt::partition
