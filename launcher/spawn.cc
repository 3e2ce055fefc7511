// SPDX-License-Identifier: MIT
#include "launcher/spawn.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "launcher/spawn_child.h"
#include "launcher/spawn_errors.h"

namespace kvmrt::launcher {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  // execve's signature predates const; it changes nothing.
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

template <class Set>
std::vector<unsigned long> mask_words(const Set& set) {
  constexpr std::size_t kBits = sizeof(unsigned long) * 8;
  std::vector<unsigned long> words;
  for (const auto member : set.members()) {
    const auto id = static_cast<std::size_t>(member.value());
    if (words.size() <= id / kBits) words.resize(id / kBits + 1);
    words[id / kBits] |= 1UL << (id % kBits);
  }
  return words;
}

constexpr std::chrono::seconds kReapLimit{10};  // of a child that is about to exit

/// Descriptors that live only while a child is made.
struct Held {
  Fd null, cgroup, cgroup_procs, pipe_read, pipe_write, go_read, go_write;
};

void prepare_descriptors(PreparedChild& child, const ChildSpec& spec, const Held& held) {
  child.redirects.push_back({spec.stdin_fd >= 0 ? spec.stdin_fd : held.null.get(), 0});
  if (spec.stdout_fd >= 0) child.redirects.push_back({spec.stdout_fd, 1});
  if (spec.stderr_fd >= 0) child.redirects.push_back({spec.stderr_fd, 2});
  for (const auto& [target, source] : spec.fds) child.redirects.push_back({source, target});
  for (const Redirect& redirect : child.redirects)
    child.first_free = std::max(child.first_free, redirect.target + 1);
  child.scratch.resize(child.redirects.size());
  child.pipe = held.pipe_write.get();
  child.go_read = held.go_read ? held.go_read.get() : -1;
  child.go_write = held.go_write ? held.go_write.get() : -1;
}

void prepare_rights(PreparedChild& child, const Confinement& confinement) {
  child.limits = confinement.limits;
  child.no_new_privs = confinement.no_new_privs;
  if (confinement.user && confinement.user->uid != ::geteuid()) {
    child.changes_user = true;
    child.uid = confinement.user->uid;
    child.gid = confinement.user->gid;
    child.groups = confinement.user->groups;
  }
  if (!confinement.capabilities) return;
  child.sets_capabilities = true;
  child.capabilities = confinement.capabilities->bits();
  child.drops_bounding = own_capabilities().effective.has(CAP_SETPCAP);
}

PreparedChild prepare(const ChildSpec& spec, const Held& held) {
  PreparedChild child;
  child.executable = spec.executable.c_str();
  child.argv = pointers(spec.argv);
  child.environment = pointers(spec.environment);
  if (!spec.working_directory.empty()) child.working_directory = spec.working_directory.c_str();
  child.cpu_mask = mask_words(spec.cpus);
  child.node_mask = mask_words(spec.memory_nodes);
  child.sets_policy = ::sched_getscheduler(0) != SCHED_OTHER;
  child.sets_oom_score = spec.oom_score_adj.has_value();
  child.oom_score_adj = spec.oom_score_adj.value_or(0);
  child.new_session = spec.new_session;
  child.umask = spec.umask;
  child.death_signal = spec.die_with_parent.value_or(0);
  child.parent = ::getpid();
  prepare_descriptors(child, spec, held);
  prepare_rights(child, spec.confinement);
  return child;
}

void make_pipe(Fd& read, Fd& write) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("make", "pipe");
  read = Fd(ends[0]);
  write = Fd(ends[1]);
}

Held open_held(const ChildSpec& spec) {
  Held held;
  held.null = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!held.null) throw_errno("open", "/dev/null");
  if (!spec.cgroup.empty()) {
    held.cgroup = Fd(::open(spec.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held.cgroup) throw_errno("open cgroup", spec.cgroup);
  }
  make_pipe(held.pipe_read, held.pipe_write);
  if (spec.before_exec) make_pipe(held.go_read, held.go_write);
  return held;
}

/// No handler of ours may run in the child before it has reset them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

struct Forked {
  pid_t pid = -1;
  Fd pidfd;
};

/// No CLONE_VM: a child that changes user while it shares our memory would make us undumpable and
/// lend its new owner our address space.
Forked fork_child(PreparedChild& child, int cgroup) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  const SignalsBlocked blocked;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) run_child(child);
  return {static_cast<pid_t>(pid), Fd(pidfd)};
}

/// Born in its cgroup where the kernel can do that (v2); else it enters by itself.
Forked fork_into(PreparedChild& child, Held& held, const ChildSpec& spec) {
  Forked forked = fork_child(child, held.cgroup.get());
  if (forked.pid < 0 && held.cgroup && errno == EBADF) {
    held.cgroup_procs = Fd(::openat(held.cgroup.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!held.cgroup_procs) throw_errno("open", spec.cgroup + "/cgroup.procs");
    child.cgroup_procs = held.cgroup_procs.get();
    forked = fork_child(child, -1);
  }
  if (forked.pid < 0) throw fork_error(spec, errno);
  return forked;
}

/// What the child says; nothing when the pipe ended because it executed.
std::optional<Failure> read_failure(const Fd& pipe) {
  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(pipe.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof failure) return failure;
  return std::nullopt;
}

/// Our reading end stays open meanwhile: a child that has failed already is no broken pipe.
void permit(const ChildSpec& spec, Held& held, const Forked& forked, const ProcessId& id) {
  if (!spec.before_exec) return;
  try {
    spec.before_exec(id);
    if (::write(held.go_write.get(), "", 1) != 1) throw_errno("write to", "pipe");
  } catch (...) {
    held.go_read.reset();
    held.go_write.reset();
    reap_within(forked.pidfd, kReapLimit);
    throw;
  }
}

}  // namespace

Child spawn(const ChildSpec& spec) {
  if (spec.argv.empty()) throw SystemError("execute", spec.executable, EINVAL);
  Held held = open_held(spec);
  PreparedChild prepared = prepare(spec, held);
  Forked forked = fork_into(prepared, held, spec);
  held.pipe_write.reset();
  const Pid pid(forked.pid);
  // A child that has ended already still has its entry: nobody but us can reap it.
  const ProcessId id = identify(pid).value_or(ProcessId{pid, 0});
  permit(spec, held, forked, id);
  const auto failure = read_failure(held.pipe_read);
  if (failure) {
    reap_within(forked.pidfd, kReapLimit);
    throw step_error(spec, *failure);
  }
  return {id, std::move(forked.pidfd)};
}

std::vector<std::string> clean_environment() {
  constexpr std::array<std::string_view, 4> kOurs{"LD_", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"};
  std::vector<std::string> clean;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (std::ranges::none_of(kOurs, [&](auto prefix) { return text.starts_with(prefix); }))
      clean.emplace_back(text);
  }
  return clean;
}

}  // namespace kvmrt::launcher
