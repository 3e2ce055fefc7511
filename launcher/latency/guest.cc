// SPDX-License-Identifier: MIT
#include "launcher/latency/guest.h"

#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <stdexcept>

#include "base/file.h"
#include "launcher/latency/cyclictest.h"

namespace kvmrt::launcher::latency {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLine = "kvmrt-measure: ";

/// "kvmrt-measure: KEY VALUE…" of the guest's init.
std::map<std::string, std::string> facts_of(std::string_view console) {
  std::map<std::string, std::string> facts;
  for (const std::string_view line : lines_of(console)) {
    const auto at = line.find(kLine);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = trimmed(line.substr(at + kLine.size()));
    const auto space = rest.find(' ');
    facts[std::string(rest.substr(0, space))] =
        space == std::string_view::npos ? "" : std::string(rest.substr(space + 1));
  }
  return facts;
}

std::string isolated_vcpus(const std::vector<int>& vcpus, int nr_vcpus) {
  partition::CpuSet set;
  for (const int vcpu : vcpus)
    if (vcpu != 0 || nr_vcpus == 1) set.insert(CpuId(vcpu));
  set.erase(CpuId(0));  // the boot CPU cannot be isolated
  return set.list();
}

std::string judged(bool good, const std::string& text) {
  return (good ? "ok: " : "warning: ") + text;
}

/// Is the guest fit for what was measured in it?
std::vector<std::string> checks_of(std::map<std::string, std::string> facts) {
  std::vector<std::string> checks;
  const std::string kernel = facts["kernel"], source = facts["clocksource"];
  checks.push_back(judged(facts["rt"] == "yes", facts["rt"] == "yes"
                                                    ? "PREEMPT_RT kernel " + kernel
                                                    : "kernel " + kernel + " is not PREEMPT_RT"));
  checks.push_back(judged(source == "tsc" || source == "kvm-clock", "clocksource " + source));
  const bool isolated = facts["wanted-isolated"] == facts["isolated"];
  checks.push_back(judged(isolated, facts["isolated"].empty()
                                        ? "no CPU is isolated"
                                        : "isolated CPUs " + facts["isolated"]));
  checks.push_back(
      judged(facts["timer"] == "tsc-deadline", "timer of the local APIC: " + facts["timer"]));
  checks.push_back(
      judged(facts["resolution"] == "high", facts["resolution"] + " resolution timers"));
  return checks;
}

}  // namespace

GuestImage find_image(const std::string& folder) {
  std::vector<fs::path> places;
  if (!folder.empty()) {
    places.emplace_back(folder);
  } else {
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    if (const char* named = std::getenv("KVMRT_MEASURE"); named != nullptr && *named != '\0')
      places.emplace_back(named);
    places.emplace_back("/usr/share/kvmrt/measure");
    places.emplace_back("/var/lib/kvmrt/measure");
  }
  std::string looked;
  for (const fs::path& place : places) {
    const GuestImage image{place / "vmlinuz", place / "measure.img"};
    if (fs::exists(image.kernel) && fs::exists(image.initrd)) return image;
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  throw std::runtime_error(fmt::format(
      "no measuring guest (vmlinuz, measure.img) in {}; scripts/guest/build-measure DIR makes one, "
      "--image DIR names it",
      looked));
}

std::vector<int> measured_vcpus(const partition::VmPlan& plan) {
  std::vector<int> real_time, all;
  for (const partition::ThreadPlan& thread : plan.threads) {
    if (thread.thread_class != partition::ThreadClass::vcpu) continue;
    all.push_back(thread.index.value_or(0));
    if (thread.scheduling.policy != partition::Policy::other)
      real_time.push_back(thread.index.value_or(0));
  }
  return real_time.empty() ? all : real_time;
}

std::string guest_cmdline(const std::vector<int>& vcpus, int nr_vcpus, const GuestWish& wish) {
  partition::CpuSet set;
  for (const int vcpu : vcpus) set.insert(CpuId(vcpu));
  std::string line = "console=ttyS0 quiet";
  if (const std::string isolated = isolated_vcpus(vcpus, nr_vcpus); !isolated.empty())
    line += fmt::format(" isolcpus={0} nohz_full={0} rcu_nocbs={0} kvmrt.isolated={0}", isolated);
  return line + fmt::format(" kvmrt.measure={}:{}:{} kvmrt.cpus={}",
                            static_cast<long>(wish.seconds), wish.interval_us, wish.priority,
                            set.list());
}

GuestResult guest_result(std::string_view console, const std::vector<int>& vcpus) {
  GuestResult result;
  try {
    result.series = parse_cyclictest(console, "guest", vcpus);
  } catch (const std::exception& error) {
    constexpr std::size_t kTail = 600;
    const auto end = console.substr(console.size() > kTail ? console.size() - kTail : 0);
    throw std::runtime_error(
        fmt::format("the measuring guest gave no histogram ({}); its console ends:\n{}",
                    error.what(), trimmed(end)));
  }
  result.checks = checks_of(facts_of(console));
  return result;
}

}  // namespace kvmrt::launcher::latency
