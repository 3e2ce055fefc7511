// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <string>

#include "launcher/command_line_draft.h"

namespace kvmrt::launcher {
namespace {

std::string timer(const profiles::Profile& profile, const std::string& name) {
  const auto found = profile.clock.timers.find(name);
  return found == profile.clock.timers.end() ? "auto" : found->second;
}

/// Without HPET, a Linux guest boots without PIT only when it sees KVM (it has kvm-clock then);
/// else it panics with "IO-APIC + timer doesn't work". Other guests may want the PIT anyway.
bool without_pit(const Draft& draft) {
  const std::string pit = timer(draft.profile, "pit");
  if (pit != "auto") return pit == "off";
  return draft.kvm() && !draft.profile.hide_kvm && draft.profile.guest.os == "linux";
}

void set_pc_options(const Draft& draft, Options& options) {
  // HPET: an emulated timer that interrupts from the main loop; nobody needs it beside the TSC.
  options.set("hpet", timer(draft.profile, "hpet") == "on" ? "on" : "off");
  if (without_pit(draft)) options.off("pit");
  options.off("smm").off("vmport");
  if (draft.profile.graphics.type == "none" && draft.profile.video.empty()) options.off("graphics");
}

/// Each vCPU has one CPU, and no two the same: then the guest need not yield in its spinlocks.
bool vcpus_have_a_cpu_each(const partition::VmPlan& plan) {
  std::set<int> seen;
  for (const partition::ThreadPlan& thread : plan.threads) {
    if (thread.thread_class != partition::ThreadClass::vcpu) continue;
    if (thread.cpus.count() != 1) return false;
    if (!seen.insert(thread.cpus.lowest()->value()).second) return false;
  }
  return !seen.empty();
}

std::string cpu_model(const Draft& draft) {
  const std::string& cpu = draft.profile.qemu.cpu;
  if (cpu != "auto") return cpu;
  return draft.kvm() ? "host" : "max";
}

}  // namespace

void append_machine(Draft& draft) {
  const std::string& machine = draft.profile.qemu.machine;
  const std::size_t comma = std::min(machine.find(','), machine.size());
  Options options = Options::verbatim(machine.substr(0, comma));
  if (draft.machine_is("q35") || draft.machine_is("pc")) set_pc_options(draft, options);
  options.off("mem-merge").off("dump-guest-core");
  if (draft.profile.numa.empty()) options.set("memory-backend", "ram0");
  // The profile's own properties come last: of two, QEMU takes the later one.
  draft.add("-machine", options.text() + machine.substr(comma));
}

void append_accelerator(Draft& draft) {
  if (draft.kvm()) return draft.add("-accel", "kvm");
  // The buffer of translated code counts as locked memory, and by default is a gigabyte.
  const int buffer_mib = draft.profile.rt_memory ? 64 : 256;
  draft.add("-accel", Options("tcg").set("thread", "multi").set("tb-size", buffer_mib));
}

void append_cpu(Draft& draft) {
  const std::string model = cpu_model(draft);
  Options options = Options::verbatim(model);
  if (draft.kvm() && draft.profile.rt && model == "host") {
    // A migratable CPU hides the invariant TSC; the PMU costs work at every vCPU switch.
    options.off("migratable").on("invtsc").off("pmu");
    if (!draft.profile.hide_kvm && vcpus_have_a_cpu_each(draft.plan))
      options.on("kvm-hint-dedicated");
  }
  if (draft.kvm() && draft.profile.hide_kvm) options.off("kvm");
  draft.add("-cpu", options);
}

void append_smp(Draft& draft) {
  const profiles::CpuTopology& topology = draft.profile.topology;
  draft.add("-smp", Options(std::to_string(draft.profile.nr_vcpus))
                        .set("sockets", topology.sockets)
                        .set("cores", topology.cores)
                        .set("threads", topology.threads)
                        .set("maxcpus", draft.profile.most_vcpus()));
}

void append_clock(Draft& draft) {
  draft.add("-rtc", Options().set("base", draft.profile.clock.base));
}

}  // namespace kvmrt::launcher
