// SPDX-License-Identifier: MIT
// Which of a user's QMP commands would break the plan under which the guest runs. Pure.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "qmp/proxy.h"

namespace kvmrt::qmp {

struct ProxyPolicy {
  bool cpu_hotplug = false;  ///< vCPUs may be added; each is placed at once
};

/// A vCPU to be plugged in.
bool adds_vcpu(const std::string& command, const nlohmann::json& arguments);

/// Refused: what takes the decision over the guest's end from the supervisor, a vCPU without a CPU
/// of its own, the removal of the supervisor's monitor, and the same through HMP, where it could
/// not be seen. Noted: what changes the run state or may make threads. All else is allowed.
Verdict judge_command(const std::string& command, const nlohmann::json& arguments,
                      const ProxyPolicy& policy);

}  // namespace kvmrt::qmp
