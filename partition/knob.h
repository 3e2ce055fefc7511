// SPDX-License-Identifier: MIT
// A knob is one setting of the host with a printable value, named by its path ("/proc/irq/24/
// smp_affinity_list") or as "task:PID:affinity" and "task:PID:policy". What is to be done to the
// host is a list of changes of knobs: the dry-run prints it, the applier performs it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "partition/request.h"

namespace kvmrt::partition {

struct Change {
  std::string knob;
  std::string before;     ///< "" when the knob was absent or held an empty text
  std::string after;      ///< "" removes a partition
  std::string reason;     ///< one sentence without a full stop
  bool disturbs = false;  ///< a running RT guest beside it feels this (product.md section 4)
  friend bool operator==(const Change&, const Change&) = default;
};

/// How a knob's text is read: two texts may name the same value ("0-1" and "0,1").
enum class KnobKind { cpu_list, cpu_mask, text };

KnobKind kind_of(std::string_view knob);

/// Whether both texts are the same value of that knob. White space at the ends never counts.
bool same_value(std::string_view knob, std::string_view a, std::string_view b);

std::string affinity_knob(Tid task);  ///< "task:PID:affinity"
std::string policy_knob(Tid task);    ///< "task:PID:policy"

/// "other", "fifo:2", "rr:7".
std::string to_text(const Scheduling& scheduling);

}  // namespace kvmrt::partition
