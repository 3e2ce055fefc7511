// SPDX-License-Identifier: MIT
#include "launcher/latency/gate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "launcher/latency/report.h"
#include "launcher/log.h"
#include "launcher/notify.h"
#include "launcher/spawn.h"

namespace kvmrt::launcher::latency {
namespace {

using partition::CpuSet;
using partition::Policy;
using partition::ThreadClass;

/// Signals that ask us to stop, as a descriptor: until the supervisor has its own handlers they
/// would end us, and the host would be left to recover.
class StopSignals {
 public:
  StopSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~StopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  [[nodiscard]] const Fd& fd() const { return fd_; }
  /// The one that came, taken off the queue.
  [[nodiscard]] int number() const {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return SIGTERM;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_{};
  Fd fd_;
};

std::vector<std::string> arguments_of(const profiles::Profile& profile, const CpuSet& cpus) {
  std::vector<std::string> argv{"kvmrt-latency", "host",
                                "--cpus",        cpus.list(),
                                "--duration",    std::to_string(profile.latency.preflight.count()),
                                "--json"};
  // What the vCPU will be: what is above it disturbs the measurement as it will the guest.
  argv.insert(argv.end(),
              {"--priority", std::to_string(std::max(1, profile.realtime.scheduling.priority))});
  return argv;
}

ChildSpec child_of(const profiles::Profile& profile, const partition::VmPlan& plan,
                   const CpuSet& cpus, const std::string& cgroup, const Fd& output) {
  ChildSpec child;
  child.executable = "/proc/self/exe";
  child.argv = arguments_of(profile, cpus);
  child.environment = clean_environment();
  child.cpus = plan.emulator_cpus;
  child.cgroup = cgroup;
  child.stdout_fd = output.get();
  child.die_with_parent = SIGKILL;
  return child;
}

/// Nothing when it ended by itself, else the signal that we were sent.
std::optional<int> wait_for(const Child& child, const StopSignals& signals) {
  std::array<pollfd, 2> ends{{{child.pidfd.get(), POLLIN, 0}, {signals.fd().get(), POLLIN, 0}}};
  while (::poll(ends.data(), ends.size(), -1) < 0 && errno == EINTR) {
  }
  if (ends[1].revents != 0) return signals.number();
  return std::nullopt;
}

[[noreturn]] void stopped(const Child& child, int signal) {
  send_signal(child.pidfd, SIGKILL);
  reap_within(child.pidfd, std::chrono::seconds(10));
  throw EndedBefore(ExitCode::done, fmt::format("stopped as asked by SIG{}, before the guest ran",
                                                ::sigabbrev_np(signal)));
}

void judge(Report report, const profiles::Profile& profile) {
  report.budget_us = profile.latency.budget_us;
  for (const Series& one : report.series)
    log(Level::info, fmt::format("{}: worst of {} wake-ups {} us", one.name(),
                                 one.histogram.total(), one.histogram.greatest()));
  const auto over = report.over_budget();
  if (over.empty()) return;
  throw EndedBefore(
      ExitCode::not_as_planned,
      fmt::format(
          "not as planned, so the guest does not start: latency.budget_us is {}, and before "
          "it could disturb them the CPUs reached {}; kvmrt-validate-host tells what to "
          "change",
          report.budget_us, fmt::join(over, ", ")));
}

}  // namespace

CpuSet measured_cpus(const partition::VmPlan& plan) {
  CpuSet real_time, all;
  for (const partition::ThreadPlan& thread : plan.threads) {
    if (thread.thread_class != ThreadClass::vcpu) continue;
    all |= thread.cpus;
    if (thread.scheduling.policy != Policy::other) real_time |= thread.cpus;
  }
  return real_time.empty() ? all : real_time;
}

std::filesystem::path preflight_report(const VmFolder& folder) {
  return folder.path() / "preflight.json";
}

Problems gate_problems(const profiles::Profile& profile, const partition::VmPlan& plan) {
  if (profile.latency.preflight.count() == 0 || !measured_cpus(plan).empty()) return {};
  Problem problem;
  problem.code = "preflight-without-cpus";
  problem.vm = profile.name;
  problem.key = "latency.preflight_s";
  problem.message = "there are no CPUs to measure: cpuset is empty";
  problem.hint = "name the VM's CPUs in cpuset, or leave latency.preflight_s out";
  return {problem};
}

void pass_gate(const profiles::Profile& profile, const partition::VmPlan& plan,
               const VmFolder& folder, const std::string& cgroup) {
  const auto length = profile.latency.preflight;
  const CpuSet cpus = measured_cpus(plan);
  if (length.count() == 0 || cpus.empty()) return;
  const std::filesystem::path path = preflight_report(folder);
  const Fd output(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!output) throw_errno("make", path.string());
  const StopSignals signals;
  log(Level::info, fmt::format("measuring CPU {} for {} s before the start (latency.preflight_s)",
                               cpus.list(), length.count()));
  notify_extend_timeout(length + std::chrono::seconds(30));
  const Child child = spawn(child_of(profile, plan, cpus, cgroup, output));
  if (const auto signal = wait_for(child, signals)) stopped(child, *signal);
  const auto status = reap(child.pidfd);
  if (!status || !status->success())
    throw std::runtime_error(fmt::format("latency.preflight_s: the measurement failed ({})",
                                         status ? to_string(*status) : std::string("no status")));
  judge(report_from_json(read_file(path)), profile);
}

}  // namespace kvmrt::launcher::latency
