// SPDX-License-Identifier: MIT
#include "launcher/process.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

struct ProcessStat {
  char state = '?';
  std::uint64_t start_time = 0;
};

/// The name in field 2 may hold blanks and brackets: count from the last ')'.
std::optional<ProcessStat> stat_of(Pid pid, const fs::path& root) {
  const auto text = read_file_if_any(root / "proc" / to_string(pid) / "stat");
  if (!text) return std::nullopt;
  const auto fields = fields_of(std::string_view(*text).substr(text->rfind(')') + 1));
  constexpr std::size_t kState = 0;
  constexpr std::size_t kStartTime = 19;  // field 22
  if (fields.size() <= kStartTime) return std::nullopt;
  ProcessStat stat{fields[kState].front(), 0};
  const auto number = fields[kStartTime];
  std::from_chars(number.data(), number.data() + number.size(), stat.start_time);
  return stat;
}

std::optional<ExitStatus> wait_on(const Fd& pidfd, int options) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd.get());
  while (::waitid(P_PIDFD, id, &info, WEXITED | options) != 0) {
    if (errno != EINTR) throw_errno("wait for", "child");
  }
  if (info.si_pid == 0) return std::nullopt;
  if (info.si_code == CLD_EXITED)
    return ExitStatus{ExitStatus::Kind::exited, info.si_status, false};
  return ExitStatus{ExitStatus::Kind::killed, info.si_status, info.si_code == CLD_DUMPED};
}

}  // namespace

std::optional<ProcessId> identify(Pid pid, const fs::path& root) {
  const auto stat = stat_of(pid, root);
  if (!stat) return std::nullopt;
  return ProcessId{pid, stat->start_time};
}

ProcessId own_process() {
  const Pid pid(::getpid());
  const auto found = identify(pid);
  if (!found) throw SystemError("read", "/proc/self/stat", ENOENT, "/proc must be mounted");
  return *found;
}

bool alive(const ProcessId& process, const fs::path& root) {
  const auto stat = stat_of(process.pid, root);
  return stat && stat->start_time == process.start_time && stat->state != 'Z' && stat->state != 'X';
}

std::optional<Fd> open_process(const ProcessId& process) {
  if (process.pid.value() <= 0) return std::nullopt;
  const long number = ::syscall(SYS_pidfd_open, process.pid.value(), 0);
  if (number < 0 && errno == ESRCH) return std::nullopt;
  if (number < 0) throw_errno("open process", to_string(process.pid));
  Fd pidfd(static_cast<int>(number));
  // The descriptor is pinned to whoever has the number now; only then is the start time a proof.
  if (!alive(process)) return std::nullopt;
  return pidfd;
}

bool send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throw_errno(fmt::format("send signal {} to", signal), "process");
}

std::string to_string(const ExitStatus& status) {
  if (status.kind == ExitStatus::Kind::exited) return fmt::format("exit status {}", status.value);
  const char* name = ::sigdescr_np(status.value);
  return fmt::format("killed by signal {} ({}){}", status.value, name ? name : "unknown",
                     status.core_dumped ? ", core dumped" : "");
}

std::optional<ExitStatus> reap(const Fd& pidfd) { return wait_on(pidfd, WNOHANG); }

bool ended(const Fd& pidfd, std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wait{pidfd.get(), POLLIN, 0};
    const int got = ::poll(&wait, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (got >= 0) return got > 0;
    if (errno != EINTR) throw_errno("poll", "process descriptor");
  }
}

std::optional<ExitStatus> reap_within(const Fd& pidfd, std::chrono::milliseconds patience) {
  if (!ended(pidfd, patience)) return std::nullopt;
  return wait_on(pidfd, 0);
}

namespace {

/// "thread 812 (CPU 0/KVM) is in state D in rq_qos_wait"; the function needs CAP_SYS_ADMIN or so.
std::string thread_report(const fs::path& task, char state) {
  const auto comm = read_file_if_any(task / "comm").value_or("?");
  std::string place;
  try {
    place = read_file_if_any(task / "wchan").value_or("");
  } catch (const SystemError&) {  // not ours to see
  }
  std::string line =
      fmt::format("thread {} ({}) is in state {}", task.filename().string(), trimmed(comm), state);
  if (!place.empty() && place != "0") line += " in " + std::string(trimmed(place));
  return line;
}

}  // namespace

std::string stuck_report(Pid pid, const fs::path& root) {
  const auto process = stat_of(pid, root);
  if (!process) return {};
  std::string report;
  const fs::path folder = root / "proc" / to_string(pid) / "task";
  std::error_code gone;
  for (const auto& task : fs::directory_iterator(folder, gone)) {
    const auto text = read_file_if_any(task.path() / "stat");
    if (!text) continue;
    const auto fields = fields_of(std::string_view(*text).substr(text->rfind(')') + 1));
    if (fields.empty() || fields[0] != "D") continue;
    report += (report.empty() ? "" : "\n") + thread_report(task.path(), 'D');
  }
  if (!report.empty()) return report;
  return thread_report(folder / to_string(pid), process->state);
}

}  // namespace kvmrt::launcher
