// SPDX-License-Identifier: MIT
// May we lock memory and use real-time policies? From what this process is allowed.
#pragma once

#include <string>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/problem.h"
#include "launcher/confine.h"
#include "partition/request.h"

namespace kvmrt::launcher {

struct Rights {
  uid_t euid = 0;
  OwnCapabilities capabilities;
  rlim_t memlock_soft = 0;
  rlim_t memlock_hard = 0;
  rlim_t rtprio_hard = 0;
  int real_time_errno = 0;      ///< of trying the wanted policy on a scratch thread; 0: it may
  bool rt_group_sched = false;  ///< our cgroup has cpu.rt_runtime_us 0, which forbids it to all
  std::string cpu_cgroup;       ///< that cgroup's folder
};

/// `scheduling`: the highest that any thread shall have; `other`: nothing is tried.
Rights probe_rights(const partition::Scheduling& scheduling);

/// How QEMU can lock all of its memory for life. A limit that holds the guest's size is not enough:
/// what QEMU maps later counts too, and then it aborts. Problem "memory-lock-not-allowed".
Checked<MemlockWay> memlock_way(bool wanted, const Rights& rights, bool other_user);

/// Problem "real-time-not-allowed", with the reason among CAP_SYS_NICE, RLIMIT_RTPRIO and
/// RT_GROUP_SCHED.
Problems real_time_problems(const partition::Scheduling& scheduling, const Rights& rights);

/// Problem "user-change-not-allowed".
Problems user_problems(const Credentials& user, const Rights& rights);

}  // namespace kvmrt::launcher
