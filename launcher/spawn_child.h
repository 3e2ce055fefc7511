// SPDX-License-Identifier: MIT
// The child's side between fork and exec. Everything is prepared before the fork, so that the child
// allocates nothing, takes no lock and makes raw system calls only.
#pragma once

#include <cstdint>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

#include "launcher/confine.h"

namespace kvmrt::launcher {

enum class Step : int {
  descriptor,
  session,
  cgroup,
  policy,
  affinity,
  memory_nodes,
  limit,
  oom_score,
  working_directory,
  user,
  capabilities,
  no_new_privs,
  death_signal,
  permission,
  execute,
};

/// What comes up the pipe: which step, which of its items (a limit's number, a descriptor), errno.
struct Failure {
  Step step = Step::execute;
  int item = 0;
  int error = 0;
};

struct Redirect {
  int source;  ///< open in the parent
  int target;  ///< its number in the child
};

struct PreparedChild {
  const char* executable = nullptr;
  std::vector<char*> argv, environment;  ///< null-terminated
  const char* working_directory = nullptr;
  std::vector<unsigned long> cpu_mask, node_mask;  ///< empty: leave
  std::vector<Limit> limits;
  std::vector<Redirect> redirects;
  std::vector<int> scratch;  ///< as long as `redirects`
  int first_free = 3;        ///< above every target
  int cgroup_procs = -1;     ///< cgroup.procs, open for writing; -1: born there, or no wish
  int oom_score_adj = 0;
  bool sets_oom_score = false;
  bool sets_policy = false;  ///< back to SCHED_OTHER
  bool sets_capabilities = false;
  bool drops_bounding = false;
  bool changes_user = false;
  bool no_new_privs = true;
  bool new_session = true;
  std::uint64_t capabilities = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  mode_t umask = 077;
  int death_signal = 0;  ///< 0: none
  pid_t parent = 0;
  int pipe = -1;
  int go_read = -1;   ///< a byte comes when the program may run; -1: at once
  int go_write = -1;  ///< our copy of the parent's end
};

/// Does it all and executes; on failure writes one Failure to the pipe and exits with 127.
[[noreturn]] void run_child(PreparedChild& child) noexcept;

}  // namespace kvmrt::launcher
