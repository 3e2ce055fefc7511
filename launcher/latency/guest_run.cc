// SPDX-License-Identifier: MIT
#include "launcher/latency/guest_run.h"

#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/latency/gate.h"
#include "launcher/latency/host.h"
#include "launcher/latency/load.h"
#include "launcher/spawn.h"
#include "launcher/state_folder.h"

namespace kvmrt::launcher::latency {
namespace {

/// The profile's own wishes stand, but for what boots and for the measurement. Of its serial ports
/// the first carries the result, in the file where the supervisor keeps it.
std::vector<std::string> overrides(const GuestOptions& options, const GuestImage& image,
                                   const std::string& cmdline) {
  std::vector<std::string> set = options.common.set;
  set.push_back("boot.firmware=bios");
  set.push_back("boot.kernel=" + std::filesystem::absolute(image.kernel).string());
  set.push_back("boot.initrd=" + std::filesystem::absolute(image.initrd).string());
  set.push_back("boot.cmdline=\"" + cmdline + "\"");
  set.push_back("serial=[]");
  set.push_back("lifecycle.on_reboot=end");
  set.push_back("latency.budget_us=0");  // judged here, host and guest together
  set.push_back(fmt::format("latency.preflight_s={}", static_cast<long>(options.wish.seconds)));
  return set;
}

ChildSpec launch_spec(const GuestOptions& options, const std::vector<std::string>& set) {
  ChildSpec child;
  child.executable = "/proc/self/exe";
  child.argv = {"kvmrt-launch", "-f", options.common.config};
  for (const std::string& one : set) child.argv.insert(child.argv.end(), {"--set", one});
  if (!options.accelerator.empty())
    child.argv.insert(child.argv.end(), {"--accel", options.accelerator});
  if (options.common.verbose) child.argv.emplace_back("-v");
  child.argv.push_back(options.profile);
  child.environment = clean_environment();
  child.stdout_fd = STDERR_FILENO;  // ours is for the report
  child.confinement.no_new_privs = false;
  // A launcher that is asked gives the host back; so no SIGKILL.
  child.die_with_parent = SIGTERM;
  return child;
}

/// Its exit status; asked once to stop when we are, which makes the guest print what it has.
ExitStatus run_launch(const ChildSpec& spec) {
  const Child child = spawn(spec);
  bool told = false;
  while (!ended(child.pidfd, std::chrono::milliseconds(200))) {
    if (stop_asked() && !std::exchange(told, true)) send_signal(child.pidfd, SIGTERM);
  }
  return reap(child.pidfd).value_or(ExitStatus{});
}

Blueprint plan_for(const GuestOptions& options, const std::vector<std::string>& set) {
  BlueprintOptions wanted;
  wanted.common = options.common;
  wanted.common.set = set;
  wanted.profile = options.profile;
  wanted.accelerator = options.accelerator;
  return make_blueprint(wanted);
}

void take_host(Report& report, const VmFolder& folder) {
  const auto text = read_file_if_any(preflight_report(folder));
  if (!text || trimmed(*text).empty()) return;  // stopped before it was over
  const Report host = report_from_json(*text);
  report.series = host.series;
  report.started = host.started;
}

}  // namespace

Report measure_guest(const GuestOptions& options) {
  const GuestImage image = find_image(options.image);
  const Blueprint before = plan_for(options, overrides(options, image, "quiet"));
  if (has_error(before.problems)) throw Refused(before.problems);
  const auto vcpus = measured_vcpus(before.plan);
  const auto set =
      overrides(options, image, guest_cmdline(vcpus, before.profile.nr_vcpus, options.wish));
  const VmFolder folder = vm_folder(before.profile.name);
  Report report;
  report.host = host_line();
  report.vm = before.profile.name;
  report.interval_us = options.wish.interval_us;
  report.priority = options.wish.priority;
  report.seconds = report.seconds_wanted = options.wish.seconds;
  report.tool = "cyclictest";
  std::unique_ptr<Load> load;
  if (options.load)
    load = std::make_unique<Load>(load_cpus(before.plan.owned_cpus | before.plan.cpuset));
  if (load) report.load = load->text();
  const ExitStatus status = run_launch(launch_spec(options, set));
  if (!status.success() && !stop_asked())
    throw EndedBefore(static_cast<ExitCode>(status.value),
                      "the measuring guest did not run to its end (" + to_string(status) + ")");
  take_host(report, folder);
  GuestResult guest = guest_result(read_file(folder.console_log()), vcpus);
  report.series.insert(report.series.end(), guest.series.begin(), guest.series.end());
  report.guest = std::move(guest.checks);
  if (!report.series.empty()) {
    const auto total = static_cast<double>(report.series.back().histogram.total());
    if (stop_asked()) report.seconds = total * report.interval_us / 1e6;
  }
  report.budget_us = options.budget_us >= 0 ? options.budget_us : before.profile.latency.budget_us;
  return report;
}

}  // namespace kvmrt::launcher::latency
