// SPDX-License-Identifier: MIT
// Opens what QEMU inherits, under our rights, so that QEMU needs no right to the paths.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "launcher/command_line.h"
#include "launcher/shared_memory.h"

namespace kvmrt::launcher {

struct HandedOver {
  std::map<int, Fd> to_qemu;  ///< number in the child → descriptor here; close after the spawn
  Fd monitor;                 ///< our connected end of the QMP socket
  Fd console;                 ///< our end of the console, if there is one
  Fd tpm;                     ///< swtpm's end of the TPM's channel, if there is one
};

/// All close-on-exec. `owner`: of shared memory that is made; nothing: we. Throws SystemError that
/// names the path.
HandedOver open_handovers(const std::vector<Handover>& handovers,
                          std::optional<FileOwner> owner = {});

}  // namespace kvmrt::launcher
