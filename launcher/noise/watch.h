// SPDX-License-Identifier: MIT
// The supervisor's part of the interference ledger. It looks when the guest begins, in the slow
// check, and at the end; at rest it costs nothing.
#pragma once

#include <string>
#include <utility>

#include "launcher/noise/ledger.h"
#include "launcher/state_folder.h"
#include "launcher/vm_state.h"

namespace kvmrt::launcher::noise {

/// All throw SystemError when the ledger cannot be written.
class Watch {
 public:
  Watch(VmFolder folder, nanoseconds budget) : folder_(std::move(folder)) {
    ledger_.budget = budget;
  }

  /// The guest runs: this is the baseline. An adopted guest's stands in its folder already.
  void begin(const VmState& vm, bool adopted);

  /// Looks again. A vCPU whose waits went over the budget since the last look is told once, until
  /// they are within again; "": nothing to tell.
  std::string look(const VmState& vm);

  /// The line for the log at the end; "" when the guest never began or QEMU is gone.
  [[nodiscard]] std::string summary(const VmState& vm) const;

 private:
  void save();

  VmFolder folder_;
  Ledger ledger_;
  bool began_ = false;
  bool over_ = false;
};

}  // namespace kvmrt::launcher::noise
