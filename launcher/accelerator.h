// SPDX-License-Identifier: MIT
// What runs the guest's instructions: KVM, or QEMU's software emulation (TCG). A pure decision over
// what the host shows, and the probe that looks.
#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/problem.h"

namespace kvmrt::launcher {

enum class Accelerator { kvm, tcg };

std::string to_string(Accelerator accelerator);  ///< "kvm" | "tcg", as -accel wants it

/// /dev/kvm as seen by this process, and whether hardware stands behind it.
struct AcceleratorFacts {
  bool hardware = false;      ///< kvm_intel or kvm_amd is loaded or built in
  bool node_present = false;  ///< /dev/kvm exists
  int open_error = 0;         ///< errno of opening it for reading and writing; 0: it opens
  uid_t node_uid = 0;
  gid_t node_gid = 0;
  mode_t node_mode = 0;  ///< permission bits
  friend bool operator==(const AcceleratorFacts&, const AcceleratorFacts&) = default;
};

/// Two stat(2)s and one open(2); `root` prefixes /sys and /dev.
AcceleratorFacts probe_accelerator(const std::filesystem::path& root = "/");

/// `wanted` is the profile's qemu.accel. "auto" takes KVM only where hardware is behind it: a
/// /dev/kvm alone proves nothing, kvm_pvm's opens and cannot boot a stock kernel. Otherwise TCG
/// with the warning "no-kvm-hardware". "kvm" is obeyed; the error "kvm-not-usable" when /dev/kvm
/// cannot be opened. Problems name the key "qemu.accel" and no VM.
Checked<Accelerator> choose_accelerator(const std::string& wanted, const AcceleratorFacts& facts);

/// Whether KVM makes its thread kvm-nx-lpage-recovery for each VM. Since Linux 6.14 that happens in
/// the first run of the first vCPU (kvm_mmu_post_init_vm, called by KVM_RUN), before that when the
/// VM is made; a kernel whose nx_huge_pages is "never" makes none.
[[nodiscard]] bool kvm_makes_recovery_thread(const std::filesystem::path& root = "/");

/// Whether the node's owner, group and mode let such a user open /dev/kvm; QEMU before 10.0 opens
/// it by path under its own user.
[[nodiscard]] bool kvm_open_to(const AcceleratorFacts& facts, uid_t uid,
                               const std::vector<gid_t>& gids);

}  // namespace kvmrt::launcher
