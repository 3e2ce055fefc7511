// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "launcher/noise/noise.h"

namespace kvmrt::launcher::noise {
namespace {

std::int64_t us(nanoseconds time) { return time.count() / 1000; }

std::string waits(const VcpuNoise& vcpu, nanoseconds budget) {
  std::string text = fmt::format("vcpu{} waited {} us in {} slices (mean {} us", vcpu.index,
                                 us(vcpu.run_delay), vcpu.slices, us(vcpu.mean_wait()));
  if (vcpu.longest_wait) text += fmt::format(", longest {} us", us(*vcpu.longest_wait));
  if (budget.count() > 0)
    text += fmt::format(", budget {} us: {}", us(budget), to_string(vcpu.verdict));
  text += fmt::format("), {} involuntary switches", vcpu.involuntary_switches);
  if (vcpu.major_faults > 0) text += fmt::format(", {} major faults", vcpu.major_faults);
  return text;
}

std::string tasks(const Noise& noise) {
  constexpr std::size_t kMost = 3;
  std::string text;
  std::size_t count = 0;
  for (const Disturber& one : noise.disturbers) {
    if (one.source != Source::task || count++ >= kMost) continue;
    text += fmt::format("{}{} ran {}{} us on CPU {}", text.empty() ? "" : ", ", to_string(one),
                        one.at_most ? "at most " : "", us(one.time), one.cpus.list());
  }
  if (text.empty()) return "no other task ran there";
  return count > kMost ? fmt::format("{} and {} more tasks", text, count - kMost) : text;
}

std::uint64_t total(const Noise& noise, Source source) {
  std::uint64_t count = 0;
  for (const Disturber& one : noise.disturbers)
    if (one.source == source) count += one.count;
  return count;
}

}  // namespace

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::within:
      return "within";
    case Verdict::over:
      return "over";
    case Verdict::unknown:
      return "unknown";
    case Verdict::no_budget:
      break;
  }
  return "no budget";
}

std::string to_string(Source source) {
  switch (source) {
    case Source::interrupt:
      return "interrupt";
    case Source::softirq:
      return "softirq";
    case Source::smi:
      return "smi";
    case Source::task:
      break;
  }
  return "task";
}

std::string to_string(const Disturber& one) {
  if (one.source == Source::smi) return "system management interrupts";
  if (one.source != Source::task) return fmt::format("{} {}", to_string(one.source), one.name);
  return fmt::format("{} {} ({})", one.kernel ? "kernel thread" : "task", one.name,
                     one.tid.value());
}

std::string summary(const Noise& noise, nanoseconds budget) {
  std::string text = fmt::format("noise in {} s: ", noise.period.count() / 1'000'000'000);
  for (const VcpuNoise& vcpu : noise.vcpus) text += waits(vcpu, budget) + "; ";
  if (noise.watched.empty()) return text + "owns no CPU, so nobody else is looked for";
  text += fmt::format("CPU {}: {}, {} interrupts", noise.watched.list(), tasks(noise),
                      total(noise, Source::interrupt));
  if (noise.smis_known) text += fmt::format(", {} SMIs", total(noise, Source::smi));
  return text;
}

}  // namespace kvmrt::launcher::noise
