// SPDX-License-Identifier: MIT
// QEMU's command line as a pure function of the profile, the plan and what surrounds the VM. It
// touches nothing: descriptors that QEMU is to inherit are numbered here and listed in `handovers`,
// for the session to open and put in place under those numbers.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launcher/accelerator.h"
#include "launcher/image_chain.h"
#include "partition/plan.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct QemuVersion {
  int major = 7;
  int minor = 2;
  friend auto operator<=>(const QemuVersion&, const QemuVersion&) = default;
};

/// What the command line depends on beside profile and plan.
struct Surroundings {
  Accelerator accelerator = Accelerator::tcg;
  QemuVersion qemu;                     ///< launcher/machine_probe.h
  std::string binary;                   ///< argv[0]; "": profile.qemu.binary
  std::string state_dir;                ///< this VM's folder: sockets and default log files
  bool console_on_socket = false;       ///< the first serial port ends in a Handover::console
  int first_fd = 3;                     ///< handed-over descriptors are numbered from here
  std::set<std::string> block_devices;  ///< those disk paths that are block devices
  /// What lies below qcow2 disks, by their paths; nearest first.
  std::map<std::string, std::vector<ImageLayer>> backing;
  std::string uefi_code;  ///< read-only OVMF code; needed for boot.firmware uefi
  std::string uefi_vars;  ///< this VM's variable store, a copy of OVMF's template
};

/// A descriptor that QEMU inherits under the number `fd`.
struct Handover {
  enum class Kind {
    qmp_listener,  ///< listening stream socket at `path`, on which the supervisor connects first
    listener,      ///< listening stream socket at `path`, for other clients
    console,       ///< one end of a socket pair; the supervisor reads and writes the other
    tpm,           ///< one end of a socket pair; swtpm has the other
    file,          ///< `path` opened with `open_flags` (and close-on-exec until the child)
    tap,           ///< one queue of the tap or macvtap of networks[`index`]
    vhost_net,     ///< /dev/vhost-net, opened for reading and writing
  };
  Kind kind = Kind::file;
  int fd = -1;
  std::string path;
  int open_flags = 0;  ///< of open(2); with O_CREAT the file is made with mode 0600
  int index = 0;       ///< of the network, disk or serial port
  int queue = 0;       ///< of a tap
  std::string key;     ///< the profile's key it comes from, "" for none
  int layer = 0;       ///< of a disk: 0 its own image, n the nth below it
  friend bool operator==(const Handover&, const Handover&) = default;
};

/// A file or socket that QEMU itself opens by path, under its own user: to be checked before.
struct PathUse {
  enum class Kind { read_file, connect_socket, shared_memory };
  Kind kind = Kind::read_file;
  std::string path;
  std::string key;
  friend bool operator==(const PathUse&, const PathUse&) = default;
};

struct QemuInvocation {
  std::vector<std::string> argv;    ///< argv[0] included
  std::vector<Handover> handovers;  ///< ascending by fd, without gaps, from first_fd
  std::vector<PathUse> paths;
};

/// Needs a profile without errors, those of check_devices() (launcher/devices_check.h) too.
QemuInvocation command_line(const profiles::Profile& profile, const partition::VmPlan& plan,
                            const Surroundings& around);

/// One line for a POSIX shell, quoted where needed so that it can be pasted.
std::string to_shell(const std::vector<std::string>& argv);

/// "52:54:00:…" that depends on the VM's name and the network's index only.
std::string derived_mac(const std::string& vm, int index);

}  // namespace kvmrt::launcher
