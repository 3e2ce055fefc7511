// SPDX-License-Identifier: MIT
// One step at a time onto the host, each read back.
#pragma once

#include "partition/diff.h"
#include "partition/host.h"

namespace kvmrt::partition {

enum class Outcome {
  done,
  gone,     ///< the task ended, the device was unplugged: nothing to be done any more
  managed,  ///< the kernel keeps this one to itself (a managed or per-CPU interrupt)
  stuck,    ///< this task cannot be where it should: another cpuset holds it
};

/// Throws SystemError naming the knob; what the step had begun by itself is undone.
Outcome perform(Host& host, const Step& step);

/// Makes the isolated partition of `cpus` with the sub-cgroup "vm" for QEMU, which also guards it:
/// nobody can take the cpuset controller away while it is there (EBUSY).
void make_partition(Host& host, const std::string& folder, const std::string& cpus);

/// Removes it; a process left inside goes back to the root cgroup.
void remove_partition(Host& host, const std::string& folder);

}  // namespace kvmrt::partition
