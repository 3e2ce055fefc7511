// SPDX-License-Identifier: MIT
// The folder under which everything about running VMs lives: ${KVMRT_RUNDIR:-/run/kvmrt}, mode
// 0700, on a tmpfs, so that a reboot forgets it together with the VMs.
//   vms/NAME/lock  state.json  qmp.sock  monitor.sock  agent.sock  console.log  qemu.log (+ .1 .2
//   …)
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"

namespace kvmrt::launcher {

/// KVMRT_RUNDIR, else /run/kvmrt. An empty variable counts as none.
std::filesystem::path state_root();

class VmFolder {
 public:
  explicit VmFolder(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path lock() const { return path_ / "lock"; }
  [[nodiscard]] std::filesystem::path state() const { return path_ / "state.json"; }
  [[nodiscard]] std::filesystem::path qmp_socket() const { return path_ / "qmp.sock"; }
  /// For users: many at once, through the supervisor.
  [[nodiscard]] std::filesystem::path monitor_socket() const { return path_ / "monitor.sock"; }
  /// QEMU's end of the guest agent's channel.
  [[nodiscard]] std::filesystem::path agent_socket() const { return path_ / "agent.sock"; }
  [[nodiscard]] std::filesystem::path console_log() const { return path_ / "console.log"; }
  [[nodiscard]] std::filesystem::path qemu_log() const { return path_ / "qemu.log"; }
  [[nodiscard]] std::filesystem::path supervisor_log() const { return path_ / "supervisor.log"; }

 private:
  std::filesystem::path path_;
};

/// The paths only; nothing is made. `name` must be a valid VM name.
VmFolder vm_folder(const std::string& name, const std::filesystem::path& root = state_root());

/// Makes the root and the VM's folder, mode 0700 whatever the umask. Throws SystemError when one is
/// a symbolic link, no folder, or owned by another user.
VmFolder make_vm_folder(const std::string& name, const std::filesystem::path& root = state_root());
/// The root alone, by the same rules.
void make_state_root(const std::filesystem::path& root = state_root());

/// The names that have a folder, sorted; none when there is no root.
std::vector<std::string> vm_names(const std::filesystem::path& root = state_root());

/// Held while a supervisor runs the VM. The kernel drops it when the holder dies. Close-on-exec:
/// QEMU never holds it.
class VmLock {
 public:
  explicit VmLock(Fd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

struct HeldBy {
  Pid pid;  ///< of the supervisor; value -1 when it has not written it yet
};

/// The lock, or who holds it. Throws SystemError.
std::variant<VmLock, HeldBy> lock_vm(const VmFolder& folder);

/// The lock that the program before us in this process held; nothing when `fd` is not that.
std::optional<VmLock> resume_lock(const VmFolder& folder, Fd fd);

/// Who holds the lock now; nothing when it is free. Takes no lock.
std::optional<HeldBy> lock_holder(const VmFolder& folder);

/// Of this boot, from /proc/sys/kernel/random/boot_id.
std::string boot_id(const std::filesystem::path& root = "/");

}  // namespace kvmrt::launcher
