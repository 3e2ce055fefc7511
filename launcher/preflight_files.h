// SPDX-License-Identifier: MIT
// Are the files that a profile names there, open to QEMU's user, and of the format that it says?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "launcher/confine.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct FileDemand {
  std::string key;  ///< "disks[0].path"
  std::string path;
  bool writable = false;
  std::string format;  ///< of a disk image: "raw", "qcow2" …; "": not looked at
  friend bool operator==(const FileDemand&, const FileDemand&) = default;
};

/// Kernel, initrd, firmware ROM, disks, /dev/kvm.
std::vector<FileDemand> file_demands(const profiles::Profile& profile, bool kvm);

struct FileFacts {
  FileDemand demand;
  int open_errno = 0;  ///< of opening it as the user would; 0: it opens
  bool folder = false;
  bool empty = false;
  std::string detected;  ///< image format by its first bytes: "qcow2", "vmdk", "vdi", "vhdx",
                         ///< "qed", "luks"; "": none of these, so raw
};

/// Opens each file with the user's rights (nothing: our own) and reads its first bytes.
std::vector<FileFacts> probe_files(const std::vector<FileDemand>& demands,
                                   const std::optional<Credentials>& user);

/// By magic number. Pure.
std::string detect_image_format(std::string_view first_bytes);

/// Problems "file-not-usable", "image-format".
Problems file_problems(const std::vector<FileFacts>& files, const std::string& user);

}  // namespace kvmrt::launcher
