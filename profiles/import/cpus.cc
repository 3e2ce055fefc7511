// SPDX-License-Identifier: MIT
// vcpu, cpu and features: what the guest's processors are.
#include <array>
#include <fmt/format.h>
#include <set>

#include "profiles/import/draft.h"

namespace kvmrt::profiles::import {
namespace {

constexpr const char* kOwnRule = "kvmrt has its own rule for this";

void take_count(const Element& domain, Draft& draft) {
  const Element vcpu = domain.child("vcpu");
  const std::string text = vcpu.text();
  const auto count = number_of(text.empty() ? "1" : text);
  if (!count || *count < 1 || *count > 4096)
    return draft.refuse("out-of-range", "nr_vcpus",
                        fmt::format("found '{}' vCPUs; allowed: 1..4096", text.substr(0, 20)));
  draft.nr_vcpus = *count;
  draft.plain("nr_vcpus", std::to_string(*count));
  if (vcpu.attr("current") != text) vcpu.leave("current", "no hot-plugged vCPUs: all are there");
  if (vcpu.attr("placement") == "auto") vcpu.leave("placement", "see cpuset: auto");
}

void take_topology(const Element& cpu, Draft& draft) {
  const Element topology = cpu.child("topology");
  if (!topology) return;
  const int sockets = number_of(topology.attr("sockets")).value_or(1);
  const int cores = number_of(topology.attr("cores")).value_or(1);
  const int threads = number_of(topology.attr("threads")).value_or(1);
  for (const char* level : {"dies", "clusters"}) {
    if (topology.attr(level) != "1")
      topology.leave(level, "topologies have sockets, cores, threads");
  }
  const long long product = 1LL * sockets * cores * threads;
  if (product != draft.nr_vcpus) {
    topology.leave(
        fmt::format("its product is {}, the domain has {} vCPUs", product, draft.nr_vcpus));
    return;
  }
  if (sockets != 1 || threads != 1)
    draft.text("cpu_topology", fmt::format("{},{},{}", sockets, cores, threads));
}

void take_flags(const Element& cpu, Draft& draft) {
  for (const Element& feature : cpu.children("feature")) {
    const std::string policy = feature.attr("policy");
    const std::string name = feature.attr("name");
    if (policy.empty() || policy == "require" || policy == "force") {
      draft.cpu_flags.push_back("+" + name);
    } else if (policy == "disable" || policy == "forbid") {
      draft.cpu_flags.push_back("-" + name);
    } else {
      feature.leave("a flag is on or off");
    }
  }
  const Element cache = cpu.child("cache");
  if (cache.peek("mode") == "passthrough" && !cache.has("level")) {
    (void)cache.attr("mode");
    draft.cpu_flags.emplace_back("host-cache-info=on");
  } else {
    cache.leave("QEMU chooses the caches");
  }
}

void take_cpu(const Element& domain, Draft& draft) {
  const Element cpu = domain.child("cpu");
  if (!cpu) return;
  const std::string mode = cpu.attr("mode");
  const Element model = cpu.child("model");
  if (mode == "host-model") {
    draft.warn("imported-mapped", "qemu.cpu", "mode 'host-model' becomes the host's own model");
    (void)model.text();
  } else if (mode == "maximum") {
    draft.text("qemu.cpu", "max");
  } else if (mode != "host-passthrough") {
    draft.text("qemu.cpu", model.text());
  }
  (void)model.attr("fallback");  // libvirt's own search for a model
  if (cpu.attr("migratable") == "off") draft.cpu_flags.emplace_back("migratable=off");
  if (cpu.has("check")) cpu.leave("check", "libvirt's own comparison");
  if (cpu.has("match") && cpu.attr("match") != "exact")
    cpu.leave("match", "libvirt's own comparison");
  take_topology(cpu, draft);
  take_flags(cpu, draft);
}

void take_kvm_features(const Element& kvm, Draft& draft) {
  for (const Element& feature : kvm.children()) {
    const bool on = feature.attr("state") == "on";
    const std::string name = feature.name();
    if (name == "hidden") {
      if (on) draft.plain("hide_kvm", "true");
    } else if (name == "hint-dedicated" || name == "poll-control" || name == "pv-ipi") {
      const std::string flag = name == "pv-ipi" ? "pv-ipi" : name;
      draft.cpu_flags.push_back(fmt::format("kvm-{}={}", flag, on ? "on" : "off"));
    } else {
      feature.leave(kOwnRule);
    }
  }
}

void take_hyperv(const Element& hyperv, Draft& draft) {
  static const std::set<std::string> kPlain{
      "relaxed",     "vapic",           "vpindex",  "runtime", "synic", "stimer", "reset",
      "frequencies", "reenlightenment", "tlbflush", "ipi",     "evmcs", "avic"};
  for (const Element& feature : hyperv.children()) {
    const std::string name = feature.name();
    const bool on = feature.attr("state") == "on";
    if (name == "spinlocks" && on) {
      const std::string retries = feature.attr("retries");
      draft.cpu_flags.push_back("hv-spinlocks=" + (retries.empty() ? "0x1fff" : retries));
    } else if (name == "vendor_id" && on) {
      draft.cpu_flags.push_back("hv-vendor-id=" + feature.attr("value"));
    } else if (kPlain.contains(name)) {
      if (on) draft.cpu_flags.push_back(fmt::format("hv-{}=on", name));
    } else if (on) {
      feature.leave("see qemu.cpu");
    }
  }
  if (!hyperv.attr("mode").empty() && hyperv.peek("mode") != "custom") {
    draft.cpu_flags.emplace_back("hv-passthrough=on");
  }
}

void take_feature(const Element& feature, Draft& draft) {
  const std::string name = feature.name();
  const std::string state = feature.attr("state");
  if (name == "acpi" || name == "apic" || name == "pae") return;  // always there
  if (name == "kvm") return take_kvm_features(feature, draft);
  if (name == "hyperv") return take_hyperv(feature, draft);
  if (name == "pmu") {
    draft.cpu_flags.push_back(fmt::format("pmu={}", state == "off" ? "off" : "on"));
  } else if (name == "vmport" || name == "smm") {
    if (state != "off") draft.machine_flags.push_back(name + "=on");
  } else if (name == "ioapic" && feature.peek("driver") == "qemu") {
    (void)feature.attr("driver");
    draft.machine_flags.emplace_back("kernel-irqchip=split");
  } else if (name == "ioapic" && feature.peek("driver") == "kvm") {
    (void)feature.attr("driver");
  } else {
    feature.leave("no profile key holds it; see qemu.machine and qemu.cpu");
  }
}

}  // namespace

void take_cpus(const Element& domain, Draft& draft) {
  take_count(domain, draft);
  take_cpu(domain, draft);
  for (const Element& feature : domain.child("features").children()) take_feature(feature, draft);
}

}  // namespace kvmrt::profiles::import
