// SPDX-License-Identifier: MIT
// The host's interrupts: who raises them and where policy wants them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "partition/policy.h"
#include "partition/state.h"

namespace kvmrt::partition {

/// Interrupts with an action, ascending.
std::vector<Irq> read_irqs(Host& host);

/// Where host.yaml's `irqs` wants this one: by number, by an action's name or that name's prefix up
/// to '-', by network interface or by PCI address. Nothing: it does not name it.
std::optional<CpuSet> irq_rule(const Irq& irq, const HostPolicy& policy);

}  // namespace kvmrt::partition
