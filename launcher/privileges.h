// SPDX-License-Identifier: MIT
// What a supervisor may still do once its guest runs: keep QEMU's threads and the host's settings
// in their place, end QEMU, and give the host back. Files of /proc, /sys and /run/kvmrt belong to
// root and need no capability beside its user id; folders below /sys do.
#pragma once

#include "launcher/confine.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

/// CAP_DAC_OVERRIDE: the kernel makes the roots of cgroups and of resctrl with mode 0555, so that
/// root without it cannot remove a VM's group, nor that of another whose supervisor is dead.
/// CAP_SYS_NICE: policy and affinity of all tasks. CAP_KILL: a QEMU of another user.
/// CAP_SYS_PTRACE: where the memory of such a QEMU lies. CAP_NET_ADMIN: taps that are to be
/// removed.
Capabilities needed_to_supervise(const profiles::Profile& profile);

/// Gives up all others, of this thread and of those that it makes. The bounding set stays: a
/// program that replaces this one starts a guest's whole life anew where it has to. Throws
/// SystemError.
void keep_only(Capabilities wanted);

}  // namespace kvmrt::launcher
