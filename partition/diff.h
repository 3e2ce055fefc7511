// SPDX-License-Identifier: MIT
// From what is to what should be: the steps between, in an order in which each holds once done
// (interrupts before siblings, siblings before partitions, priorities last; back the other way).
#pragma once

#include <vector>

#include "partition/desired.h"
#include "partition/knob.h"

namespace kvmrt::partition {

struct Step {
  enum class Act { knob, mask, policy };
  Act act = Act::knob;
  int rank = 0;
  Change change;  ///< of a mask without its texts: a host has many tasks; see change_of
  Tid task;
  std::uint64_t start_time = 0;
  CpuSet before;
  CpuSet cpus;
  const char* why = "";  ///< of a mask
  Scheduling scheduling;
  Scheduling scheduling_before;
};

std::vector<Step> diff(const HostState& state, const Ledger& ledger, const Desired& wanted);

/// In words, for the dry-run and messages.
Change change_of(const Step& step);
std::vector<Change> changes_of(const std::vector<Step>& steps);

/// Whether the present value of a wanted knob is as wanted; an absent knob that is no partition has
/// nothing to be changed.
bool in_place(const HostState& state, const std::string& knob, const std::string& wanted);

/// Masks say nothing about offline CPUs: the kernel forgets those bits.
bool same_mask(const HostState& state, const CpuSet& a, const CpuSet& b);

}  // namespace kvmrt::partition
