// SPDX-License-Identifier: MIT
#include "launcher/spawn_child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

constexpr int kExitNotExecuted = 127;

/// Of one step: which item failed, and errno; zero when it went well.
struct Outcome {
  int error = 0;
  int item = 0;
};

/// For raw system calls, which say -1 and errno.
Outcome of(long result, int item = 0) { return result < 0 ? Outcome{errno, item} : Outcome{}; }

/// All sources go above every target first, so that no target overwrites a source. Then everything
/// is marked close-on-exec, and dup2 takes the mark off the targets.
Outcome arrange_descriptors(PreparedChild& child) {
  const int pipe = ::fcntl(child.pipe, F_DUPFD_CLOEXEC, child.first_free);
  if (pipe < 0) return of(pipe, child.pipe);
  child.pipe = pipe;
  if (child.go_read >= 0) {
    ::close(child.go_write);  // else the parent's death would not end the pipe
    child.go_read = ::fcntl(child.go_read, F_DUPFD_CLOEXEC, child.first_free);
    if (child.go_read < 0) return of(-1, -1);
  }
  if (child.cgroup_procs >= 0) {
    child.cgroup_procs = ::fcntl(child.cgroup_procs, F_DUPFD_CLOEXEC, child.first_free);
    if (child.cgroup_procs < 0) return of(-1, -1);
  }
  for (std::size_t i = 0; i < child.redirects.size(); ++i) {
    child.scratch[i] = ::fcntl(child.redirects[i].source, F_DUPFD_CLOEXEC, child.first_free);
    if (child.scratch[i] < 0) return of(-1, child.redirects[i].target);
  }
  constexpr unsigned kFirst = 3;
  if (::syscall(SYS_close_range, kFirst, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return of(-1, -1);
  for (std::size_t i = 0; i < child.redirects.size(); ++i)
    if (::dup2(child.scratch[i], child.redirects[i].target) < 0)
      return of(-1, child.redirects[i].target);
  return {};
}

Outcome start_session(PreparedChild& child) {
  ::umask(child.umask);
  return child.new_session ? of(::setsid()) : Outcome{};
}

/// "0" is the writer, in v1 and v2.
Outcome enter_cgroup(PreparedChild& child) {
  return child.cgroup_procs < 0 ? Outcome{} : of(::write(child.cgroup_procs, "0", 1));
}

Outcome set_policy(PreparedChild& child) {
  if (!child.sets_policy) return {};
  const sched_param parameters{};
  return of(::syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameters));
}

Outcome set_affinity(PreparedChild& child) {
  if (child.cpu_mask.empty()) return {};
  return of(::syscall(SYS_sched_setaffinity, 0, child.cpu_mask.size() * sizeof(unsigned long),
                      child.cpu_mask.data()));
}

Outcome bind_memory(PreparedChild& child) {
  if (child.node_mask.empty()) return {};
  // The kernel reads one bit less than it is told.
  const unsigned long bits = child.node_mask.size() * sizeof(unsigned long) * 8 + 1;
  return of(::syscall(SYS_set_mempolicy, MPOL_BIND, child.node_mask.data(), bits));
}

Outcome set_limits(PreparedChild& child) {
  for (const Limit& limit : child.limits) {
    const rlimit value{limit.soft, limit.hard};
    if (::syscall(SYS_prlimit64, 0, limit.resource, &value, nullptr) != 0)
      return of(-1, limit.resource);
  }
  return {};
}

Outcome set_oom_score(PreparedChild& child) {
  if (!child.sets_oom_score) return {};
  std::array<char, 8> text{};
  std::size_t at = text.size();
  unsigned left =
      static_cast<unsigned>(child.oom_score_adj < 0 ? -child.oom_score_adj : child.oom_score_adj);
  do {
    text[--at] = static_cast<char>('0' + left % 10);
    left /= 10;
  } while (left != 0 && at > 1);
  if (child.oom_score_adj < 0) text[--at] = '-';
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return of(-1);
  return of(::write(fd, text.data() + at, text.size() - at));
}

Outcome enter_folder(PreparedChild& child) {
  return child.working_directory == nullptr ? Outcome{} : of(::chdir(child.working_directory));
}

bool keeps(const PreparedChild& child, int capability) {
  return ((child.capabilities >> static_cast<unsigned>(capability)) & 1U) != 0;
}

/// Dropping from the bounding set needs CAP_SETPCAP, so it comes before the user changes. A
/// capability that the kernel does not know ends the list.
Outcome drop_bounding(const PreparedChild& child) {
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (keeps(child, capability)) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    return errno == EINVAL ? Outcome{} : of(-1, capability);
  }
  return {};
}

Outcome change_user(PreparedChild& child) {
  if (child.sets_capabilities && child.drops_bounding) {
    const Outcome dropped = drop_bounding(child);
    if (dropped.error != 0) return dropped;
  }
  if (!child.changes_user) return {};
  // Raw: the C library would signal threads that this child does not have.
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return of(-1);
  if (::syscall(SYS_setgroups, child.groups.size(), child.groups.data()) != 0) return of(-1);
  if (::syscall(SYS_setresgid, child.gid, child.gid, child.gid) != 0) return of(-1);
  return of(::syscall(SYS_setresuid, child.uid, child.uid, child.uid));
}

/// Exactly these, ambient, so that they survive exec of a user who is not root.
Outcome set_capabilities(PreparedChild& child) {
  if (!child.sets_capabilities) return {};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = static_cast<std::uint32_t>(child.capabilities);
  const auto high = static_cast<std::uint32_t>(child.capabilities >> 32U);
  std::array<__user_cap_data_struct, 2> data{{{low, low, low}, {high, high, high}}};
  if (::syscall(SYS_capset, &header, data.data()) != 0) return of(-1);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return of(-1);
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if (keeps(child, capability) &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
      return of(-1, capability);
  return {};
}

Outcome forbid_new_privileges(PreparedChild& child) {
  return child.no_new_privs ? of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) : Outcome{};
}

/// After the change of credentials, which clears it; and the parent may have died before.
Outcome set_death_signal(PreparedChild& child) {
  if (child.death_signal == 0) return {};
  if (::prctl(PR_SET_PDEATHSIG, child.death_signal, 0, 0, 0) != 0) return of(-1);
  return ::getppid() == child.parent ? Outcome{} : Outcome{ESRCH, 0};
}

/// The end of the pipe without a byte: the parent died, or could not write down who we are.
Outcome wait_for_permission(PreparedChild& child) {
  if (child.go_read < 0) return {};
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(child.go_read, &byte, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1 ? Outcome{} : Outcome{ECANCELED, 0};
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
}

void unblock_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Outcome execute(PreparedChild& child) {
  unblock_signals();
  return of(::execve(child.executable, child.argv.data(), child.environment.data()));
}

struct Act {
  Step step;
  Outcome (*perform)(PreparedChild&);
};

/// In this order: cgroup before affinity, since entering a cpuset overwrites the mask; user after
/// everything that needs rights; exec last.
constexpr std::array kActs{
    Act{Step::descriptor, arrange_descriptors},
    Act{Step::session, start_session},
    Act{Step::cgroup, enter_cgroup},
    Act{Step::policy, set_policy},
    Act{Step::affinity, set_affinity},
    Act{Step::memory_nodes, bind_memory},
    Act{Step::limit, set_limits},
    Act{Step::oom_score, set_oom_score},
    Act{Step::working_directory, enter_folder},
    Act{Step::user, change_user},
    Act{Step::capabilities, set_capabilities},
    Act{Step::no_new_privs, forbid_new_privileges},
    Act{Step::death_signal, set_death_signal},
    Act{Step::permission, wait_for_permission},
    Act{Step::execute, execute},
};

}  // namespace

void run_child(PreparedChild& child) noexcept {
  reset_signals();
  for (const Act& act : kActs) {
    const Outcome outcome = act.perform(child);
    if (outcome.error == 0) continue;
    const Failure failure{act.step, outcome.item, outcome.error};
    const ssize_t written = ::write(child.pipe, &failure, sizeof failure);
    ::_exit(written == sizeof failure ? kExitNotExecuted : kExitNotExecuted - 1);
  }
  ::_exit(kExitNotExecuted);  // not reached: execute either replaces us or fails
}

}  // namespace kvmrt::launcher
