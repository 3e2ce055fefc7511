// SPDX-License-Identifier: MIT
#include "launcher/commands.h"

namespace kvmrt::launcher {

int cmd_launch(int /*argc*/, char** /*argv*/) { return 2; }

}  // namespace kvmrt::launcher
