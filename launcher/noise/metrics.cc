// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <functional>

#include "launcher/noise/print.h"

namespace kvmrt::launcher::noise {
namespace {

std::string escaped(std::string_view text) {
  std::string made;
  for (const char letter : text) {
    if (letter == '\\' || letter == '"') made += '\\';
    if (letter == '\n')
      made += "\\n";
    else if (static_cast<unsigned char>(letter) < 0x80)
      made += letter;
    else
      made += '?';  // names of tasks need not be UTF-8, which the format wants
  }
  return made;
}

std::string label(std::string_view name, std::string_view value) {
  return fmt::format("{}=\"{}\"", name, escaped(value));
}

double seconds(nanoseconds time) { return static_cast<double>(time.count()) / 1e9; }

class Metric {
 public:
  Metric(std::string_view name, std::string_view type, std::string_view help) : name_(name) {
    head_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class Number>
  void add(const std::string& labels, Number value) {
    rows_ += fmt::format("{}{{{}}} {}\n", name_, labels, value);
  }
  /// "" for one without samples.
  [[nodiscard]] std::string text() const { return rows_.empty() ? "" : head_ + rows_; }

 private:
  std::string name_, head_, rows_;
};

struct VcpuMetric {
  const char* name;
  const char* help;
  std::function<double(const VcpuCounters&)> value;
};

const std::vector<VcpuMetric>& vcpu_metrics() {
  static const std::vector<VcpuMetric> all{
      {"kvmrt_vcpu_run_seconds_total", "Time that the vCPU's thread ran.",
       [](const VcpuCounters& vcpu) { return seconds(vcpu.run_time); }},
      {"kvmrt_vcpu_run_delay_seconds_total",
       "Time that the vCPU's thread was runnable and waited for its CPU.",
       [](const VcpuCounters& vcpu) { return seconds(vcpu.run_delay); }},
      {"kvmrt_vcpu_slices_total", "Times that the vCPU's thread was put on a CPU.",
       [](const VcpuCounters& vcpu) { return static_cast<double>(vcpu.slices); }},
      {"kvmrt_vcpu_involuntary_switches_total", "Times that the vCPU's thread was preempted.",
       [](const VcpuCounters& vcpu) { return static_cast<double>(vcpu.involuntary_switches); }},
      {"kvmrt_vcpu_major_faults_total", "Page faults of the vCPU's thread that waited for a disk.",
       [](const VcpuCounters& vcpu) { return static_cast<double>(vcpu.major_faults); }}};
  return all;
}

std::string vcpu_text(const std::vector<VmMetrics>& vms) {
  std::string text;
  for (const VcpuMetric& one : vcpu_metrics()) {
    Metric metric(one.name, "counter", one.help);
    for (const VmMetrics& vm : vms) {
      if (!vm.noise) continue;
      for (const VcpuCounters& vcpu : vm.noise->now.vcpus)
        metric.add(label("vm", vm.vm) + "," + label("vcpu", std::to_string(vcpu.index)),
                   one.value(vcpu));
    }
    text += metric.text();
  }
  return text;
}

std::string exits_text(const std::vector<VmMetrics>& vms) {
  Metric metric("kvmrt_vcpu_kvm_exits_total", "counter",
                "Exits of the vCPU by KVM's own names; exits is their sum.");
  for (const VmMetrics& vm : vms) {
    if (!vm.noise) continue;
    for (const VcpuCounters& vcpu : vm.noise->now.vcpus) {
      for (const auto& [kind, count] : vcpu.exits)
        metric.add(label("vm", vm.vm) + "," + label("vcpu", std::to_string(vcpu.index)) + "," +
                       label("kind", kind),
                   count);
    }
  }
  return metric.text();
}

/// A gauge: disturbers come and go, and a name that vanishes is no counter.
std::string disturbers_text(const std::vector<VmMetrics>& vms, Source source, Metric metric) {
  for (const VmMetrics& vm : vms) {
    if (!vm.noise) continue;
    for (const Disturber& one : vm.noise->since_start.disturbers) {
      if (one.source != source) continue;
      std::string labels =
          label("vm", vm.vm) + "," + label("cpu", one.cpus.list()) + "," + label("name", one.name);
      if (source == Source::task) {
        metric.add(labels + "," + label("tid", to_string(one.tid)), seconds(one.time));
      } else {
        metric.add(labels, one.count);
      }
    }
  }
  return metric.text();
}

std::string vm_text(const std::vector<VmMetrics>& vms) {
  Metric running("kvmrt_vm_running", "gauge", "1 while the guest's QEMU lives.");
  Metric state("kvmrt_vm_state", "gauge", "1, labelled with the state that kvmrt-stat shows.");
  Metric locked("kvmrt_vm_locked_bytes", "gauge", "Memory locked, huge pages included.");
  Metric uptime("kvmrt_vm_uptime_seconds", "gauge", "Seconds since the guest began.");
  for (const VmMetrics& vm : vms) {
    const std::string name = label("vm", vm.vm);
    running.add(name, vm.running ? 1 : 0);
    state.add(name + "," + label("state", vm.state), 1);
    locked.add(name, vm.locked_bytes);
    uptime.add(name, vm.uptime_s);
  }
  return running.text() + state.text() + locked.text() + uptime.text();
}

}  // namespace

std::string metrics_text(const std::vector<VmMetrics>& vms) {
  return vm_text(vms) + vcpu_text(vms) + exits_text(vms) +
         disturbers_text(vms, Source::task,
                         Metric("kvmrt_cpu_foreign_task_seconds", "gauge",
                                "Time that a task which is not the VM's ran on its CPUs.")) +
         disturbers_text(vms, Source::interrupt,
                         Metric("kvmrt_cpu_interrupts_total", "counter",
                                "Interrupts on the VM's CPUs since it began, by source.")) +
         disturbers_text(vms, Source::softirq,
                         Metric("kvmrt_cpu_softirqs_total", "counter",
                                "Softirqs on the VM's CPUs since it began, by kind.")) +
         disturbers_text(vms, Source::smi,
                         Metric("kvmrt_cpu_smis_total", "counter",
                                "System management interrupts on the VM's CPUs since it began."));
}

}  // namespace kvmrt::launcher::noise
