// SPDX-License-Identifier: MIT
// The task list of a procfs, real or captured.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "partition/host.h"

namespace kvmrt::partition {

/// Fills all of a task but its CPUs from the text of /proc/PID/stat; nothing when it is no such
/// text. `threads` becomes the number of threads of the process.
std::optional<Task> task_of_stat(std::string_view stat, int& threads);

/// All threads below `proc`. `live` reads masks by system call where that is exact, which costs a
/// tenth; else from the status files.
std::vector<Task> read_tasks(const std::filesystem::path& proc, bool live);

std::optional<Task> read_task(const std::filesystem::path& proc, Tid tid);

}  // namespace kvmrt::partition
