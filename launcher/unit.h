// SPDX-License-Identifier: MIT
// VMs as units of a running systemd: kvmrt@NAME.service.
#pragma once

#include <string>
#include <sys/types.h>

#include "base/fd.h"
#include "base/ids.h"

namespace kvmrt::launcher {

/// Whether this is /etc/kvmrt, whose profiles the units start.
bool is_installed_folder(const std::string& config);

/// Whether systemd runs here, has our units, and `config` is the installed folder (/etc/kvmrt),
/// whose profiles the units start.
bool by_systemd(const std::string& config);

/// kvmrt@NAME.service
std::string unit_of(const std::string& vm);

/// Whether this process was started by the VM's unit.
bool is_of_unit(Pid supervisor, const std::string& vm);

/// "systemctl VERB kvmrt@NAME.service" under way.
class UnitJob {
 public:
  UnitJob(const char* verb, const std::string& vm);
  [[nodiscard]] int fd() const { return ended_.get(); }  ///< readable when it ended
  /// 0 when the unit is active, or inactive again; else systemctl's exit code, and the journal
  /// tells.
  int outcome();

 private:
  pid_t child_ = -1;
  Fd ended_;
};

}  // namespace kvmrt::launcher
