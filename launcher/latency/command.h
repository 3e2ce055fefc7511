// SPDX-License-Identifier: MIT
#pragma once

namespace kvmrt::launcher {

int cmd_latency(int argc, char** argv);

}  // namespace kvmrt::launcher
