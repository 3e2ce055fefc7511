// SPDX-License-Identifier: MIT
// UEFI firmware for guests: OVMF's code, which all VMs share, and a variable store for each VM. The
// store is part of the VM as its disks are (the guest's boot entries stand in it), so it must
// survive a reboot of the host and does not live under the state folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace kvmrt::launcher {

struct UefiFirmware {
  std::filesystem::path code;            ///< without secure boot: that needs SMM, which is off
  std::filesystem::path store_template;  ///< the empty variable store that belongs to it
  friend bool operator==(const UefiFirmware&, const UefiFirmware&) = default;
};

/// Where distributions put it, 4 MiB builds first; nothing when there is none (Debian: package
/// ovmf). `root` prefixes the search; the answer is with it.
std::optional<UefiFirmware> find_uefi(const std::filesystem::path& root = "/");

/// ${KVMRT_LIBDIR:-/var/lib/kvmrt}: what belongs to VMs and outlives a boot of the host.
std::filesystem::path library_folder();
/// It, and the folders above it, where they are not there (mode 0700). Throws SystemError.
void make_library_folder();

/// ${KVMRT_LIBDIR:-/var/lib/kvmrt}/NAME.uefi-vars
std::filesystem::path variable_store_of(const std::string& vm);

/// Makes the store out of the template when it is not there; folders above it too (mode 0700). An
/// existing store of another size than the template is of other firmware: SystemError with a hint.
void make_variable_store(const UefiFirmware& firmware, const std::filesystem::path& store);

}  // namespace kvmrt::launcher
