// SPDX-License-Identifier: MIT
#include "partition/rules.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace kvmrt::partition {
namespace {

constexpr auto kError = Severity::error;
constexpr auto kWarning = Severity::warning;

constexpr std::array kRules{
    Rule{"rt-cpuset-overlap", kError,
         "A CPU of an RT VM, SMT siblings included, belongs to another VM too. Between configured "
         "profiles it is an error of the configuration, and a warning at launch."},
    Rule{"service-cpuset-overlap", kError,
         "A VM names a CPU that the host file gives to a poll-mode service."},
    Rule{"rt-too-few-cpus", kError,
         "An RT VM needs a CPU for each vCPU, and one for its emulator threads unless they live "
         "elsewhere. Of the siblings of one core only one counts, since the others go offline."},
    Rule{"rt-no-cpuset", kError, "An RT VM without CPUs of its own cannot be real-time."},
    Rule{"rt-memory-off", kError,
         "A page fault costs more than any deadline: an RT VM locks all its memory."},
    Rule{"no-housekeeping-cpu", kError,
         "RT VMs, boot-isolated CPUs and services together leave no CPU to the host itself."},
    Rule{"rt-on-housekeeping", kError,
         "An RT VM names a CPU that the host file keeps for housekeeping."},
    Rule{"cpu-unknown", kError, "The host has no such CPU."},
    Rule{"cpu-offline", kError, "The CPU is offline, or goes offline as a sibling."},
    Rule{"cpu-not-allowed", kError, "Our own cgroup does not contain the CPU."},
    Rule{"node-unknown", kError, "The host has no such NUMA node."},
    Rule{"node-without-memory", kError, "The NUMA node that is to give memory has none."},
    Rule{"sibling-cannot-go-offline", kError,
         "An RT VM owns whole cores, and this sibling cannot be taken offline (CPU 0 on x86)."},
    Rule{"auto-no-room", kError, "No free CPUs are left for cpuset: auto."},
    Rule{"duplicate-name", kError, "Two VMs have the same name."},
    Rule{"duplicate-uuid", kError, "Two VMs have the same UUID."},
    Rule{"not-enough-memory", kError, "The NUMA nodes of the VM cannot give the memory it locks."},
    Rule{"not-enough-hugepages", kError, "The NUMA nodes of the VM have too few free huge pages."},
    Rule{"pci-device-unknown", kError, "The host has no such PCI device."},
    Rule{"pci-device-in-use", kError, "The host or another VM uses the PCI device."},
    Rule{"pci-no-iommu-group", kError,
         "Without an IOMMU group a device cannot be given to a VM safely."},
    Rule{"pci-excluded-from-iommu", kError, "A boot parameter keeps the device from the IOMMU."},
    Rule{"vcpu-unknown", kError, "A key names a vCPU that the VM does not have."},
    Rule{"pin-unusable", kError, "realtime.pin names a CPU that the VM cannot use for a vCPU."},
    Rule{"pin-conflict", kError, "realtime.pin gives one CPU to two threads of an RT VM."},
    Rule{"emulator-shares-rt-cpu", kError,
         "An emulator thread or iothread on the CPU of a real-time vCPU never runs again once the "
         "vCPU spins, and the guest hangs at boot."},
    Rule{"iothread-outside-cpuset", kError, "An iothread's CPUs must be CPUs of the VM's cpuset."},
    Rule{"rt-cpuset-spans-nodes", kWarning,
         "Memory of another NUMA node is slower, and its traffic is shared."},
    Rule{"rt-node-shared", kWarning,
         "Another VM works on the NUMA node of an RT VM: both share memory controller and caches."},
    Rule{"rt-numatune", kWarning,
         "The memory of an RT VM should come from the NUMA nodes of its cpuset."},
    Rule{"rt-first-core", kWarning,
         "Interrupts that cannot be moved are delivered to the first core of a package."},
    Rule{"rt-surplus-cpus", kWarning,
         "Each vCPU of an RT VM uses one CPU; owned CPUs beyond that idle."},
    Rule{"rt-shared-core", kWarning,
         "Two named SMT siblings stay online and share the execution units of one core."},
    Rule{"rt-without-nohz-full", kWarning,
         "Without the boot parameter nohz_full the timer tick interrupts the vCPU."},
    Rule{"isolated-multi-cpu-mask", kWarning,
         "The scheduler does not balance boot-isolated CPUs: threads that may use several of them "
         "pile up on one."},
    Rule{"rt-without-kvm", kWarning, "Software emulation is not real-time."},
    Rule{"host-kernel-not-rt", kWarning, "Without PREEMPT_RT the host's latency has no bound."},
    Rule{"clocksource-not-tsc", kWarning, "Clock sources other than the TSC cost exits and time."},
    Rule{"frequency-not-fixed", kWarning, "CPUs that change frequency change latency."},
    Rule{"swap-on", kWarning, "Swapping disturbs the whole host, locked memory or not."},
    Rule{"priority-not-below-kthreads", kWarning,
         "ksoftirqd and rcuc must outrank the vCPUs, or timers and RCU stall behind a busy guest."},
    Rule{"priority-above-irq-threads", kWarning, "Interrupt threads run at FIFO 50."},
    Rule{"hide-kvm", kWarning, "A guest that does not see KVM loses kvm-clock."},
    Rule{"siblings-go-offline", kWarning,
         "SMT siblings that no VM names go offline while the RT VM runs."},
    Rule{"pci-remote-node", kWarning,
         "A device writes to the guest's memory through its own NUMA node's bus."},
    Rule{"rt-slow-device", kWarning,
         "Devices that QEMU emulates in its main loop take the lock that vCPUs need."},
    Rule{"graphics-beside-rt", kWarning,
         "Emulated graphics of any VM contends for the memory controller with an RT VM."},
    Rule{"windows-topology", kWarning, "Windows licences count sockets."},
    Rule{"guest-isolates-nothing", kWarning,
         "A Linux guest should isolate its real-time vCPUs from its own housekeeping."},
    Rule{"managed-irq-on-rt-cpu", kWarning,
         "The kernel does not let the interrupt be moved while its queue is in use."},
};

}  // namespace

std::span<const Rule> rules() { return kRules; }

const Rule* find_rule(std::string_view code) {
  const auto* at = std::find_if(kRules.begin(), kRules.end(),
                                [&](const Rule& rule) { return rule.code == code; });
  return at == kRules.end() ? nullptr : at;
}

void Findings::add(std::string_view code, std::string key, std::string message, std::string hint) {
  const Rule* rule = find_rule(code);
  assert(rule != nullptr);
  add_as(rule->severity, code, std::move(key), std::move(message), std::move(hint));
}

void Findings::add_as(Severity severity, std::string_view code, std::string key,
                      std::string message, std::string hint) {
  assert(find_rule(code) != nullptr);
  problems_.push_back(
      {severity, std::string(code), vm_, std::move(key), std::move(message), std::move(hint), {}});
}

}  // namespace kvmrt::partition
