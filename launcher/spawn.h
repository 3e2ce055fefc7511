// SPDX-License-Identifier: MIT
// Starts a process that is confined from birth: cgroup, CPUs, memory policy, limits, user and
// capabilities are in place before its first instruction, so every thread it ever makes inherits
// them. Call from the main thread only: the parent-death signal is bound to the forking thread.
#pragma once

#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "launcher/confine.h"
#include "launcher/process.h"
#include "partition/cpuset.h"

namespace kvmrt::launcher {

struct ChildSpec {
  std::string executable;                ///< a path; not searched in PATH
  std::vector<std::string> argv;         ///< argv[0] names it in errors
  std::vector<std::string> environment;  ///< all of it, "NAME=value"
  std::string working_directory;         ///< "": the parent's
  partition::CpuSet cpus;                ///< empty: the parent's
  partition::NodeSet memory_nodes;       ///< bound to these; empty: the parent's policy
  std::string cgroup;                    ///< a cgroup v2 folder; "": the parent's
  Confinement confinement;
  std::map<int, int> fds;  ///< number in the child → open descriptor here (any but 0..2)
  int stdin_fd = -1;       ///< -1: /dev/null
  int stdout_fd = -1;      ///< -1: the parent's
  int stderr_fd = -1;      ///< -1: the parent's
  std::optional<int> die_with_parent;  ///< signal when this thread ends
  std::optional<int> oom_score_adj;    ///< -1000..1000; lowering it needs CAP_SYS_RESOURCE
  mode_t umask = 077;
  bool new_session = true;
  /// Writes down who is about to run. The program does not run before this has returned, and never
  /// when it throws or when we die in it: a process that nobody knows of could not be ended.
  std::function<void(const ProcessId&)> before_exec;
};

struct Child {
  ProcessId id;
  Fd pidfd;  ///< close-on-exec; readable when the child has ended
};

/// Returns when the program runs (exec has happened). All other descriptors are closed in it,
/// signals are at their defaults and unblocked, the policy is SCHED_OTHER. Throws SystemError whose
/// text names the step, e.g. "set CPU affinity of qemu-system-x86_64 to 7: Invalid argument";
/// nothing is left behind then.
Child spawn(const ChildSpec& spec);

/// This process's environment without what changes how a program loads (LD_*) and what the service
/// manager told us alone; for ChildSpec::environment.
std::vector<std::string> clean_environment();

}  // namespace kvmrt::launcher
