// SPDX-License-Identifier: MIT
#include "partition/knob.h"

#include "base/file.h"
#include "partition/cpuset.h"

namespace kvmrt::partition {
namespace {

template <class Parse>
bool same_set(std::string_view a, std::string_view b, Parse parse) {
  const auto left = parse(a);
  const auto right = parse(b);
  return left && right && *left == *right;
}

}  // namespace

KnobKind kind_of(std::string_view knob) {
  if (knob.ends_with("_affinity_list") || knob.ends_with("watchdog_cpumask") ||
      knob.ends_with(":affinity") || knob.ends_with("/cpus_list") || knob.ends_with(":banned_cpus"))
    return KnobKind::cpu_list;
  if (knob.ends_with("/default_smp_affinity") || knob.ends_with("/cpumask") ||
      knob.ends_with("/rps_cpus"))
    return KnobKind::cpu_mask;
  return KnobKind::text;
}

bool same_value(std::string_view knob, std::string_view a, std::string_view b) {
  a = trimmed(a);
  b = trimmed(b);
  if (a == b) return true;
  switch (kind_of(knob)) {
    case KnobKind::cpu_list:
      return same_set(a, b, CpuSet::from_list);
    case KnobKind::cpu_mask:
      return same_set(a, b, CpuSet::from_hex_mask);
    case KnobKind::text:
      return false;
  }
  return false;
}

std::string affinity_knob(Tid task) { return "task:" + to_string(task) + ":affinity"; }

std::string policy_knob(Tid task) { return "task:" + to_string(task) + ":policy"; }

std::string to_text(const Scheduling& scheduling) {
  switch (scheduling.policy) {
    case Policy::other:
      return "other";
    case Policy::fifo:
      return "fifo:" + std::to_string(scheduling.priority);
    case Policy::rr:
      return "rr:" + std::to_string(scheduling.priority);
  }
  return "other";
}

}  // namespace kvmrt::partition
