// SPDX-License-Identifier: MIT
#include "launcher/shutdown.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fmt/core.h>
#include <optional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "launcher/launch.h"
#include "launcher/log.h"
#include "launcher/progress.h"
#include "launcher/several.h"
#include "launcher/stat.h"
#include "launcher/tool.h"
#include "launcher/unit.h"

namespace kvmrt::launcher {
namespace {

using Clock = std::chrono::steady_clock;

/// One VM on its way down.
struct Stop {
  std::string name;
  Fd supervisor;                 ///< pidfd; readable when it has ended
  std::optional<UnitJob> unit;   ///< where a unit supervises the VM
  std::optional<pid_t> adopter;  ///< our child, for a guest that had no supervisor
  Clock::time_point since = Clock::now();
  bool ended = false;

  [[nodiscard]] int fd() const { return unit ? unit->fd() : supervisor.get(); }
};

bool running(const VmStat& vm) {
  return vm.qemu_alive || (vm.supervised && vm.state.status != VmStatus::stopped &&
                           vm.state.status != VmStatus::failed);
}

/// The supervisor's own stop chain does it; SIGQUIT leaves out the guest's part. A unit is stopped
/// by systemd, which sends the SIGTERM: then it does not start the VM anew, and has cleaned up when
/// we return.
Stop ask_supervisor(const VmStat& vm, bool force) {
  Stop stop;
  stop.name = vm.state.name;
  auto pidfd = open_process(vm.state.supervisor);
  if (!pidfd) {
    stop.ended = true;
    return stop;
  }
  stop.supervisor = std::move(*pidfd);
  const bool unit = is_of_unit(vm.state.supervisor.pid, stop.name);
  if (force || !unit) send_signal(stop.supervisor, force ? SIGQUIT : SIGTERM);
  if (unit) stop.unit.emplace("stop", stop.name);
  return stop;
}

Stop adopt_and_stop(const VmStat& vm, const ShutdownOptions& options) {
  Stop stop;
  stop.name = vm.state.name;
  // The unit of a supervisor that was killed may be about to start another.
  if (by_systemd(options.common.config)) tell_systemd({"stop", unit_of(stop.name)});
  const pid_t child = ::fork();
  if (child < 0) throw_errno("fork", "a supervisor for " + stop.name);
  if (child == 0) {
    set_log("kvmrt-launch: " + stop.name, options.common.verbose);
    ::_exit(static_cast<int>(stop_kept_guest(stop.name, options.force)));
  }
  stop.adopter = child;
  const auto process = identify(Pid(child));
  auto pidfd = process ? open_process(*process) : std::nullopt;
  if (pidfd) stop.supervisor = std::move(*pidfd);
  return stop;
}

int code_of(Stop& stop) {
  if (stop.unit && stop.unit->outcome() != 0) return static_cast<int>(ExitCode::failed);
  if (stop.adopter) {
    int status = 0;
    while (::waitpid(*stop.adopter, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::failed);
  }
  const auto state = read_state(vm_folder(stop.name));
  return state && state->exit_code ? *state->exit_code : 0;
}

int report(Stop& stop, Progress& progress) {
  stop.ended = true;
  const int code = code_of(stop);
  const double took = std::chrono::duration<double>(Clock::now() - stop.since).count();
  const auto state = read_state(vm_folder(stop.name));
  progress.line(fmt::format("{}: stopped ({:.1f} s){}", stop.name, took,
                            state && !state->message.empty() ? ", " + state->message : ""));
  return code;
}

void wait_for_all(std::vector<Stop>& stops, std::vector<int>& codes, Progress& progress) {
  while (true) {
    std::vector<pollfd> waiting;
    std::vector<Stop*> of;
    std::vector<std::string> names;
    for (Stop& stop : stops) {
      if (stop.ended) continue;
      waiting.push_back({stop.fd(), POLLIN, 0});
      of.push_back(&stop);
      names.push_back(stop.name);
    }
    if (waiting.empty()) return;
    progress.waiting_for(names);
    if (::poll(waiting.data(), waiting.size(), progress.patience()) < 0) continue;
    for (std::size_t i = 0; i < waiting.size(); ++i)
      if (waiting[i].revents != 0) codes.push_back(report(*of[i], progress));
  }
}

}  // namespace

int shut_down(const ShutdownOptions& options) {
  Progress progress;
  std::vector<Stop> stops;
  for (const VmStat& vm : gather_stat(options.common, options.names, false)) {
    if (!running(vm)) {
      if (!options.names.empty()) fmt::print("{}: not running\n", vm.state.name);
      continue;
    }
    progress.line(fmt::format("{}: stopping", vm.state.name));
    stops.push_back(vm.supervised ? ask_supervisor(vm, options.force)
                                  : adopt_and_stop(vm, options));
  }
  if (stops.empty() && options.names.empty()) fmt::print("nothing runs\n");
  std::vector<int> codes;
  wait_for_all(stops, codes, progress);
  return worst_of(codes);
}

}  // namespace kvmrt::launcher
