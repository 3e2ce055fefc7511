// SPDX-License-Identifier: MIT
// What the launcher tells while it runs: one line on standard error each, with the level that
// journald reads ("<4>") where it listens. Library folders return values instead.
#pragma once

#include <string_view>

namespace kvmrt::launcher {

enum class Level { debug, info, warning, error };

/// The name that stands before each line ("kvmrt-launch: line3"), and whether debug lines are
/// shown.
void set_log(std::string_view prefix, bool verbose);

void log(Level level, std::string_view text);

/// Whether log() would show it: for text that is dear to make.
bool shown(Level level);

}  // namespace kvmrt::launcher
