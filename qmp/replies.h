// SPDX-License-Identifier: MIT
// The "return" values of QMP commands as typed values. Pure. Each throws QmpError::protocol, with
// the command's name, when a member that we cannot do without is absent or of another type;
// members that we do not know are ignored (QEMU 7.2 to 10.x add and drop them).
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "qmp/types.h"

namespace kvmrt::qmp {

RunState parse_run_state(const nlohmann::json& value);

/// By ascending cpu-index, whatever order QEMU used. Nothing is dropped: an index or a thread id
/// that appears twice is the caller's to refuse.
std::vector<VcpuThread> parse_vcpus(const nlohmann::json& value);

std::vector<IothreadInfo> parse_iothreads(const nlohmann::json& value);
KvmState parse_kvm(const nlohmann::json& value);
Version parse_version(const nlohmann::json& value);
std::vector<HotpluggableCpu> parse_hotpluggable_cpus(const nlohmann::json& value);

}  // namespace kvmrt::qmp
