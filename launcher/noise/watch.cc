// SPDX-License-Identifier: MIT
#include "launcher/noise/watch.h"

#include <algorithm>
#include <fmt/format.h>

#include "launcher/noise/read.h"

namespace kvmrt::launcher::noise {
namespace {

std::string complaint(const Noise& noise, nanoseconds budget) {
  std::string text;
  for (const VcpuNoise& vcpu : noise.vcpus) {
    if (vcpu.verdict != Verdict::over) continue;
    const bool longest = vcpu.longest_wait.has_value();
    text += fmt::format("{}vcpu{} waited {} us {} in the last {} s, over latency.budget_us {}",
                        text.empty() ? "" : "; ", vcpu.index,
                        vcpu.longest_wait.value_or(vcpu.mean_wait()).count() / 1000,
                        longest ? "at the longest" : "in the mean of its slices",
                        noise.period.count() / 1'000'000'000, budget.count() / 1000);
  }
  if (text.empty()) return text;
  const Disturber* culprit = noise.culprit();
  return text + (culprit != nullptr ? "; culprit: " + to_string(*culprit)
                                    : std::string("; no other task was seen there"));
}

}  // namespace

void Watch::begin(const VmState& vm, bool adopted) {
  if (adopted) {
    const nanoseconds budget = ledger_.budget;
    if (auto kept = read_ledger(folder_)) {
      ledger_ = std::move(*kept);
      ledger_.budget = budget;
      began_ = true;
      return;
    }
  }
  ledger_.baseline = read_counters(vm, Depth::all);
  ledger_.last = ledger_.baseline;
  began_ = true;
  save();
}

std::string Watch::look(const VmState& vm) {
  if (!began_) return "";
  Counters now = read_counters(vm, Depth::tasks);
  if (now.vcpus.empty()) return "";  // QEMU ends just now
  const Noise noise = noise_between(ledger_.last, now, ledger_.budget);
  const std::vector<Disturber> known = ledger_.past;
  ledger_ = advanced(std::move(ledger_), std::move(now));
  if (ledger_.past != known) save();
  const bool was_over = std::exchange(
      over_, std::ranges::any_of(
                 noise.vcpus, [](const VcpuNoise& vcpu) { return vcpu.verdict == Verdict::over; }));
  return over_ && !was_over ? complaint(noise, ledger_.budget) : "";
}

std::string Watch::summary(const VmState& vm) const {
  if (!began_) return "";
  const Counters now = read_counters(vm, Depth::all);
  if (now.vcpus.empty()) return "";
  return noise::summary(noise_since_start(ledger_, now), ledger_.budget);
}

void Watch::save() { write_ledger(folder_, ledger_); }

}  // namespace kvmrt::launcher::noise
