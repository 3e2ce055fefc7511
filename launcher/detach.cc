// SPDX-License-Identifier: MIT
#include "launcher/detach.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "launcher/log.h"
#include "launcher/log_files.h"
#include "launcher/state_folder.h"

namespace kvmrt::launcher {
namespace {

void point_at(const Fd& target, int number) {
  if (::dup2(target.get(), number) < 0) throw_errno("redirect", std::to_string(number));
}

/// The parent waits for this byte; its terminal is given up with it.
void tell_running(const Fd& parent, const Fd& log) {
  point_at(log, STDOUT_FILENO);
  point_at(log, STDERR_FILENO);
  const char code = 0;
  [[maybe_unused]] const ssize_t put = ::write(parent.get(), &code, 1);
}

int report(const std::exception& error) {
  log(Level::error, error.what());
  return static_cast<int>(ExitCode::failed);
}

int supervise(Blueprint blueprint, const LaunchOptions& options, const Fd& parent) {
  try {
    make_vm_folder(blueprint.profile.name);
    const Fd log_fd = open_log(vm_folder(blueprint.profile.name).supervisor_log());
    const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    point_at(nothing, STDIN_FILENO);
    return static_cast<int>(
        launch(std::move(blueprint), options, [&] { tell_running(parent, log_fd); }));
  } catch (const Refused& refused) {
    for (const Problem& problem : refused.problems()) log(Level::info, to_string(problem));
    return static_cast<int>(ExitCode::refused);
  } catch (const std::exception& error) {
    return report(error);
  }
}

}  // namespace

Detached::Detached(Blueprint blueprint, const LaunchOptions& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("make", "a pipe");
  from_child_ = Fd(ends[0]);
  Fd to_parent(ends[1]);
  child_ = ::fork();
  if (child_ < 0) throw_errno("fork", "the supervisor");
  if (child_ > 0) return;
  from_child_.reset();
  ::setsid();
  // Not exit(): the parent's buffers and handlers are not ours to run.
  ::_exit(supervise(std::move(blueprint), options, to_parent));
}

int Detached::outcome() {
  char code = 0;
  ssize_t got = 0;
  do {
    got = ::read(from_child_.get(), &code, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return code;
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::failed);
}

int launch_detached(Blueprint blueprint, const LaunchOptions& options) {
  return Detached(std::move(blueprint), options).outcome();
}

}  // namespace kvmrt::launcher
