// SPDX-License-Identifier: MIT
// A plan against what others have: CPUs, siblings, passthrough devices.
#include <algorithm>
#include <fmt/format.h>

#include "partition/planner_checks.h"
#include "partition/words.h"

namespace kvmrt::partition {
namespace {

Severity severity_against(const Claim& other, const Draft& draft) {
  return other.running ? Severity::error : draft.configured_overlap;
}

std::string kind_of(const Claim& other) {
  return fmt::format("{}{}VM '{}'", other.running ? "running " : "", other.rt ? "RT " : "",
                     other.vm);
}

/// All CPUs that the planned VM uses or owns, but for those of the host that its emulator shares.
CpuSet claimed_by(const Draft& draft) {
  CpuSet cpus = draft.plan.cpuset | draft.plan.owned_cpus;
  if (draft.request.emulator.where == EmulatorRequest::Where::explicit_set)
    cpus |= draft.request.emulator.cpus;
  for (const auto& [vcpu, cpu] : draft.request.pin) cpus.insert(cpu);
  return cpus;
}

void check_overlap(const Claim& other, const CpuSet& mine, Draft& draft) {
  if (!draft.request.rt && !other.rt) return;
  const CpuSet common = (draft.plan.owned_cpus & other.cpus) | (mine & other.owned);
  if (common.empty()) return;
  const CpuSet named = common & draft.plan.cpuset;
  const std::string what = named.empty() ? fmt::format("CPU {} (a sibling)", common.list())
                                         : fmt::format("CPU {}", common.list());
  draft.findings.add_as(severity_against(other, draft), "rt-cpuset-overlap", "cpuset",
                        fmt::format("{} belongs to {} too", what, kind_of(other)),
                        "give each CPU to one VM; 'kvmrt cpu-topology' shows the owners");
}

void check_services(const Ground& ground, const CpuSet& mine, Draft& draft) {
  for (const Service& service : ground.input.policy.services) {
    const CpuSet common = mine & ground.topology.with_siblings(service.cpus);
    if (common.empty()) continue;
    draft.findings.add("service-cpuset-overlap", "cpuset",
                       cpus_that(common, "belongs", "belong") + " to the service " + service.unit,
                       "see 'services' in host.yaml");
  }
}

/// Whether a boot parameter names the device, or turns the IOMMU off altogether.
std::string excluding_parameter(const std::string& parameters, const std::string& address) {
  constexpr std::string_view kOff[] = {"intel_iommu=off", "amd_iommu=off", "iommu=off"};
  std::size_t at = 0;
  while (at < parameters.size()) {
    const auto end = std::min(parameters.find_first_of(" \n", at), parameters.size());
    const std::string word = parameters.substr(at, end - at);
    at = end + 1;
    if (std::find(std::begin(kOff), std::end(kOff), word) != std::end(kOff)) return word;
    // Forms seen: "0000:03:00.0" and without the domain.
    const bool names =
        word.find(address) != std::string::npos ||
        (address.starts_with("0000:") && word.find(address.substr(5)) != std::string::npos);
    if (names && word.starts_with("vfio-pci.")) return word;
  }
  return {};
}

void check_device(const Ground& ground, const std::string& key, const PciDevice& device,
                  Draft& draft) {
  const HostFacts& facts = *ground.input.facts;
  if (facts.busy_devices.contains(device.address)) {
    draft.findings.add("pci-device-in-use", key,
                       fmt::format("the host uses {} (driver {})", device.address, device.driver),
                       "take its interface down or unmount its disk");
  }
  const auto word = excluding_parameter(facts.boot_parameters.value_or(""), device.address);
  if (!word.empty()) {
    draft.findings.add(
        "pci-excluded-from-iommu", key,
        fmt::format("boot parameter '{}' keeps {} from the IOMMU", word, device.address),
        "remove it from the kernel command line");
  } else if (device.iommu_group < 0) {
    draft.findings.add("pci-no-iommu-group", key,
                       fmt::format("{} has no IOMMU group", device.address),
                       "boot with intel_iommu=on or amd_iommu=on, and enable VT-d or AMD-Vi in "
                       "the firmware");
  }
}

void check_device_node(const Ground& ground, const std::string& key, const PciDevice& device,
                       Draft& draft) {
  const NodeSet mine = ground.topology.nodes_of(draft.plan.cpuset) | draft.plan.numa_nodes;
  if (device.node.value() < 0 || mine.empty() || mine.has(device.node)) return;
  draft.findings.add("pci-remote-node", key,
                     fmt::format("{} is on NUMA node {}, the VM on {}", device.address,
                                 device.node.value(), mine.list()),
                     fmt::format("choose CPUs {}", device.local_cpus.list()));
}

void check_device_claims(const std::string& key, const std::string& address, Draft& draft) {
  for (const Claim* other : draft.others) {
    const auto& theirs = other->request->pci;
    if (std::find(theirs.begin(), theirs.end(), address) == theirs.end()) continue;
    draft.findings.add_as(severity_against(*other, draft), "pci-device-in-use", key,
                          fmt::format("{} is given to {} too", address, kind_of(*other)));
  }
}

}  // namespace

void check_claims(const Ground& ground, Draft& draft) {
  const CpuSet mine = claimed_by(draft);
  for (const Claim* other : draft.others) check_overlap(*other, mine, draft);
  check_services(ground, mine, draft);
  const auto& kept = ground.input.policy.housekeeping;
  if (!draft.request.rt || !kept) return;
  const CpuSet common = draft.plan.owned_cpus & *kept;
  if (common.empty()) return;
  draft.findings.add("rt-on-housekeeping", "cpuset",
                     cpus_that(common, "is", "are") +
                         fmt::format(" kept for housekeeping ({}) by the host file", kept->list()),
                     "see 'housekeeping' in host.yaml");
}

void check_siblings(const Ground& ground, Draft& draft) {
  if (!draft.share.unmovable.empty()) {
    draft.findings.add("sibling-cannot-go-offline", "cpuset",
                       fmt::format("CPU {}, a sibling of the VM's CPUs, cannot go offline",
                                   draft.share.unmovable.list()),
                       "choose another core, or set 'siblings: leave' in host.yaml");
  }
  if (ground.input.policy.siblings != SiblingRule::leave) return;
  for (const CpuId id : draft.share.usable.members()) {
    const Cpu* cpu = ground.topology.find(id);
    if (cpu == nullptr || (cpu->siblings & draft.share.usable).count() < 2) continue;
    draft.findings.add("rt-shared-core", "cpuset",
                       fmt::format("CPUs {} are siblings of one core and stay online both",
                                   (cpu->siblings & draft.share.usable).list()),
                       "name one CPU of each core");
    return;
  }
}

void check_devices(const Ground& ground, Draft& draft) {
  const auto& wanted = draft.request.pci;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string key = fmt::format("pci[{}]", i);
    check_device_claims(key, wanted[i], draft);
    if (!ground.input.facts) continue;
    const auto& devices = ground.topology.devices;
    const auto device = std::find_if(devices.begin(), devices.end(), [&](const PciDevice& one) {
      return one.address == wanted[i];
    });
    if (device == devices.end()) {
      draft.findings.add("pci-device-unknown", key,
                         fmt::format("the host has no PCI device {}", wanted[i]),
                         "'lspci -D' lists the addresses");
    } else {
      check_device(ground, key, *device, draft);
      check_device_node(ground, key, *device, draft);
    }
  }
}

}  // namespace kvmrt::partition
