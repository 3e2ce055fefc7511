// SPDX-License-Identifier: MIT
#include "partition/keeper_drift.h"

#include <algorithm>
#include <fmt/format.h>

#include "partition/desired_knobs.h"
#include "partition/device_wish.h"
#include "partition/diff.h"
#include "partition/tasks.h"

namespace kvmrt::partition {
namespace {

Problem drifted(const Change& change) {
  return {Severity::warning,
          "drift",
          "",
          "",
          fmt::format("{} reads {}, should read {} ({})", change.knob, change.before, change.after,
                      change.reason),
          "",
          {}};
}

/// What we last wrote is what the leases want of a knob.
std::vector<Change> knob_drift(const HostState& state, const Ledger& ledger) {
  std::vector<Change> changes;
  for (const auto& [knob, record] : ledger.knobs) {
    if (in_place(state, knob, record.written)) continue;
    const auto current = state.knobs.find(knob);
    changes.push_back({knob, current == state.knobs.end() ? "" : current->second, record.written,
                       "changed from outside", knob.ends_with("/online")});
  }
  return changes;
}

}  // namespace

Transition find_drift(Host& host, const Ledger& ledger) {
  Transition found;
  if (ledger.leases.empty()) return found;
  Interest interest = interest_of(ledger, {});
  // A passed-through device's interrupts come up when its guest asks for them.
  interest.interrupts =
      std::any_of(ledger.leases.begin(), ledger.leases.end(),
                  [](const Lease& lease) { return !pci_addresses(lease).empty(); });
  const HostState state = read_state(host, interest);
  const Division division = divide(state, ledger);
  found.changes = knob_drift(state, ledger);
  Desired wanted;
  want_masks(state, ledger, division, wanted);
  std::erase_if(wanted.masks, [&](const WantedMask& wish) {
    return !state.tasks[wish.task].cpus.intersects(division.taken);
  });
  want_policies(state, ledger, division, wanted);
  for (const Step& step : diff(state, ledger, wanted)) found.changes.push_back(change_of(step));
  for (const Change& change : found.changes) found.problems.push_back(drifted(change));
  return found;
}

}  // namespace kvmrt::partition
