// SPDX-License-Identifier: MIT
#include "launcher/start_hint.h"

#include <array>

namespace kvmrt::launcher {
namespace {

struct Hint {
  std::string_view words;  ///< of QEMU 7.2 to 10, as they stand on its standard error
  std::string_view way_out;
};

/// In the order in which they are looked for: the more exact words before those that follow them.
constexpr std::array kHints{
    Hint{"Failed to get \"write\" lock",
         "disks: another program writes this image; stop it, or set readonly: true on both sides"},
    Hint{"Failed to get shared",
         "disks: another program writes this image; stop it, or set readonly: true on both sides"},
    Hint{"Could not set up host forwarding rule",
         "networks[].forward: this port of the host is taken ('ss -ltnp' tells by whom); name "
         "another one"},
    Hint{"Address already in use",
         "graphics.listen: this address is taken ('ss -ltnp' tells by whom); name another one"},
    Hint{"Failed to bind socket",
         "graphics.listen, qemu.extra_args: QEMU's user must be able to write the socket's folder"},
    Hint{"Cannot assign requested address",
         "graphics.listen, networks[].forward: this host has no such address ('ip addr' shows "
         "them)"},
    Hint{"unsupported machine type",
         "qemu.machine: this QEMU does not know it; '-machine help' of qemu.binary lists them"},
    Hint{"unable to find CPU model",
         "qemu.cpu: this QEMU does not know it; '-cpu help' of qemu.binary lists them"},
    Hint{"requires KVM or HVF", "qemu.cpu: host needs KVM; set it to max or auto for emulation"},
    Hint{"failed to set MSR",
         "qemu.cpu: KVM refuses a register of this CPU model; name a model such as Skylake-Server, "
         "or qemu.accel: tcg"},
    Hint{"TSC scaling unavailable",
         "qemu.cpu: leave tsc-frequency away; this host cannot scale it"},
    Hint{"kvm_init_vcpu",
         "qemu.cpu: KVM refuses this CPU; name an older model, or qemu.accel: tcg"},
    Hint{"Could not access KVM kernel module",
         "qemu.accel: QEMU's user needs read and write permission on /dev/kvm (group kvm), or set "
         "tcg"},
    Hint{"failed to initialize kvm",
         "qemu.accel: /dev/kvm cannot be used; load kvm_intel or kvm_amd, or set tcg"},
    Hint{"Invalid SMP CPUs", "nr_vcpus: more than qemu.machine takes; q35 takes 288"},
    Hint{"locking memory failed",
         "rt_memory: QEMU lacks the right; give CAP_IPC_LOCK or an unlimited LimitMEMLOCK="},
    Hint{"cannot bind memory to host NUMA nodes",
         "numatune, numa[].host_nodes: a node of the set has no memory or does not exist"},
    Hint{"unable to map backing store for guest RAM",
         "memory.hugepages: not enough free huge pages of this size on the node; free some, or set "
         "false"},
    Hint{"backing store size",
         "shared_memory[].size: a running VM has this memory in another size; they must be the "
         "same"},
    Hint{"cannot set up guest memory", "memory.size: more than this host has free"},
    Hint{"no iommu_group found",
         "pci: this device has no IOMMU group; boot the host with intel_iommu=on or amd_iommu=on"},
    Hint{"no such host device", "pci: there is no such device; 'lspci -D' lists them"},
    Hint{"is not a valid device model name",
         "this QEMU lacks the device; a package of its own may have it (Debian: "
         "qemu-system-modules-spice, qemu-system-gui)"},
    Hint{"invalid option", "qemu.extra_args: this QEMU has no such option"},
    Hint{"Property '", "qemu.extra_args, qemu.machine: this QEMU's device has no such property"},
};

}  // namespace

std::string start_hint(std::string_view said) {
  for (const Hint& hint : kHints)
    if (said.find(hint.words) != std::string_view::npos) return std::string(hint.way_out);
  return {};
}

}  // namespace kvmrt::launcher
