// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "launcher/noise/print.h"

namespace kvmrt::launcher::noise {
namespace {

constexpr std::size_t kMostRows = 12;

std::string us(nanoseconds time) { return std::to_string(time.count() / 1000); }

std::string exits_of(const VcpuNoise& vcpu) {
  const auto found = vcpu.exits.find("exits");
  return found == vcpu.exits.end() ? "-" : std::to_string(found->second);
}

std::string verdict_of(const VcpuNoise& vcpu, nanoseconds budget) {
  if (budget.count() <= 0) return "no budget";
  return fmt::format("{} ({} us)", to_string(vcpu.verdict), us(budget));
}

std::string vcpu_rows(const Noise& noise, nanoseconds budget) {
  std::string text =
      fmt::format("  {:>4} {:<8} {:>11} {:>11} {:>9} {:>8} {:>11} {:>7} {:>6} {:>9}  {}\n", "VCPU",
                  "CPU", "RUN(us)", "DELAY(us)", "SLICES", "MEAN(us)", "LONGEST(us)", "INVOL",
                  "FAULTS", "EXITS", "BUDGET");
  for (const VcpuNoise& vcpu : noise.vcpus) {
    text += fmt::format("  {:>4} {:<8} {:>11} {:>11} {:>9} {:>8} {:>11} {:>7} {:>6} {:>9}  {}\n",
                        vcpu.index, vcpu.cpus.empty() ? "any" : vcpu.cpus.list(), us(vcpu.run_time),
                        us(vcpu.run_delay), vcpu.slices, us(vcpu.mean_wait()),
                        vcpu.longest_wait ? us(*vcpu.longest_wait) : "-", vcpu.involuntary_switches,
                        vcpu.major_faults, exits_of(vcpu), verdict_of(vcpu, budget));
  }
  return text;
}

std::string time_of(const Disturber& one) {
  if (one.source != Source::task) return "-";
  return (one.at_most ? "<=" : "") + us(one.time);
}

std::string disturber_rows(const Noise& noise) {
  std::string text =
      fmt::format("  {:<8} {:>11} {:>9}  {}\n", "ON CPU", "TIME(us)", "COUNT", "DISTURBED BY");
  std::size_t rows = 0;
  for (const Disturber& one : noise.disturbers) {
    if (++rows > kMostRows) continue;
    text += fmt::format("  {:<8} {:>11} {:>9}  {}\n", one.cpus.list(), time_of(one), one.count,
                        to_string(one));
  }
  if (rows > kMostRows) text += fmt::format("  and {} more (--json has all)\n", rows - kMostRows);
  if (rows == 0) text += "  nobody\n";
  return text;
}

/// Who took most, as a sentence; what nobody who is still there accounts for, too.
std::string conclusion(const Noise& noise) {
  nanoseconds waited{0}, taken{0};
  for (const VcpuNoise& vcpu : noise.vcpus) waited += vcpu.run_delay;
  for (const Disturber& one : noise.disturbers) taken += one.time;
  if (const Disturber* culprit = noise.culprit())
    return fmt::format("  culprit: {} ran {}{} us on CPU {}; the vCPUs waited {} us in all\n",
                       to_string(*culprit), culprit->at_most ? "at most " : "", us(culprit->time),
                       culprit->cpus.list(), us(waited));
  return fmt::format("  culprit: none that can be seen; the vCPUs waited {} us in all\n",
                     us(waited));
}

std::string part(const char* title, const Noise& noise, nanoseconds budget) {
  std::string text =
      fmt::format(" {}, {:.1f} s\n", title, static_cast<double>(noise.period.count()) / 1e9);
  text += vcpu_rows(noise, budget);
  if (noise.watched.empty())
    return text + "  owns no CPU: who else ran on its CPUs is not looked for\n";
  return text + disturber_rows(noise) + conclusion(noise);
}

}  // namespace

std::string noise_table(const VmNoise& noise) {
  std::string text = noise.vm + "\n" + part("since the start", noise.since_start, noise.budget);
  if (noise.interval) text += part("last interval", *noise.interval, noise.budget);
  return text;
}

}  // namespace kvmrt::launcher::noise
