// SPDX-License-Identifier: MIT
#include "launcher/latency/host.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <memory>
#include <sched.h>
#include <stdexcept>
#include <sys/utsname.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "launcher/latency/cyclic.h"
#include "launcher/latency/cyclictest.h"
#include "launcher/latency/load.h"
#include "launcher/latency/tracer.h"
#include "launcher/machine_probe.h"

namespace kvmrt::launcher::latency {
namespace {

using partition::CpuSet;

std::atomic<bool> asked{false};

CpuSet allowed_cpus() {
  const auto text = read_file("/proc/self/status");
  for (const std::string_view line : lines_of(text)) {
    constexpr std::string_view kKey = "Cpus_allowed_list:";
    if (line.starts_with(kKey))
      return CpuSet::from_list(line.substr(kKey.size())).value_or(CpuSet());
  }
  return {};
}

void show_progress(const HostOptions& options, double gone,
                   const std::vector<std::int64_t>& worst) {
  static const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (!terminal) return;
  const auto most = std::ranges::max_element(worst);
  const auto cpu = options.cpus.members()[static_cast<std::size_t>(most - worst.begin())];
  fmt::print(stderr, "\r{:6.1f} of {:.0f} s, worst {} us on CPU {}   ", gone, options.seconds,
             *most, cpu.value());
  if (gone >= options.seconds) fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

std::vector<Series> own_loop(const HostOptions& options) {
  return measure_wakeups({options.cpus, options.seconds, options.interval_us, options.priority},
                         stop_asked, [&](double gone, const std::vector<std::int64_t>& worst) {
                           show_progress(options, gone, worst);
                         });
}

std::filesystem::path cyclictest_program() {
  try {
    return find_program("cyclictest");
  } catch (const SystemError&) {
    throw std::runtime_error("--tool cyclictest needs it: apt-get install rt-tests");
  }
}

std::vector<Series> with_cyclictest(const HostOptions& options) {
  constexpr int kBuckets = 20'000;
  std::vector<int> cpus;
  for (const CpuId cpu : options.cpus.members()) cpus.push_back(cpu.value());
  Running running(
      cyclictest_program(),
      {"cyclictest", "-q", "-m", "--policy=fifo", "-p", std::to_string(options.priority), "-a",
       options.cpus.list(), "-t", std::to_string(cpus.size()), "-d", "0", "-i",
       std::to_string(options.interval_us), "-D",
       std::to_string(static_cast<long>(std::max(1.0, options.seconds))), "-h",
       std::to_string(kBuckets)},
      {});
  bool told = false;
  while (!running.over(std::chrono::milliseconds(100))) {
    if (stop_asked() && !std::exchange(told, true)) running.interrupt();
  }
  const Ran ran = running.finish();
  if (!ran.status.success())
    throw std::runtime_error(
        fmt::format("cyclictest: {} {}", to_string(ran.status), trimmed(ran.errors)));
  return parse_cyclictest(ran.output, "host", cpus);
}

std::string processor_name() {
  const std::string text = read_file_if_any("/proc/cpuinfo").value_or("");
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("model name"))
      return std::string(trimmed(line.substr(line.find(':') + 1)));
  }
  return "processor unknown";
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

double monotonic_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { asked = true; };
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

bool stop_asked() { return asked; }

CpuSet load_cpus(const CpuSet& measured) {
  const std::string isolated = read_file_if_any("/sys/devices/system/cpu/isolated").value_or("");
  const CpuSet left = allowed_cpus() - measured - CpuSet::from_list(isolated).value_or(CpuSet());
  if (left.empty())
    throw std::runtime_error(fmt::format(
        "no CPU is left for the load beside {}; measure fewer with --cpus", measured.list()));
  return left;
}

std::string host_line() {
  utsname name{};
  ::uname(&name);
  const std::string version(name.version);
  return fmt::format("{} {}{}, {}, {} CPUs", name.sysname, name.release,
                     version.find("PREEMPT_RT") != std::string::npos ? " (PREEMPT_RT)" : "",
                     processor_name(), ::sysconf(_SC_NPROCESSORS_ONLN));
}

Report measure_host(const HostOptions& wished) {
  HostOptions options = wished;
  if (options.cpus.empty()) options.cpus = allowed_cpus();
  Report report;
  report.tool = options.cyclictest ? "cyclictest" : "kvmrt";
  report.host = host_line();
  report.started = utc_now();
  report.seconds_wanted = options.seconds;
  report.interval_us = options.interval_us;
  report.priority = options.priority;
  report.budget_us = options.budget_us;
  std::unique_ptr<Load> load;
  if (options.load) load = std::make_unique<Load>(load_cpus(options.cpus));
  if (load) report.load = load->text();
  std::unique_ptr<Tracer> tracer;
  if (!options.tracer.empty()) tracer = std::make_unique<Tracer>(options.tracer, options.cpus);
  const double begin = monotonic_seconds();
  report.series = options.cyclictest ? with_cyclictest(options) : own_loop(options);
  report.seconds = monotonic_seconds() - begin;
  if (tracer) report.traced.push_back(tracer->finish());
  return report;
}

}  // namespace kvmrt::launcher::latency
