// SPDX-License-Identifier: MIT
// Are the files that a profile names there, open to QEMU's user, and of the format that it says?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "launcher/command_line.h"
#include "launcher/confine.h"
#include "profiles/profile.h"

namespace kvmrt::launcher {

struct FileDemand {
  std::string key;  ///< "disks[0].path"
  std::string path;
  bool writable = false;
  bool by_qemu = false;  ///< opened by QEMU itself, as its user; else by us, and handed over
  std::string format;    ///< of a disk image: "raw", "qcow2" …; "": not looked at
  friend bool operator==(const FileDemand&, const FileDemand&) = default;
};

/// What the command line hands over or has QEMU open, and /dev/kvm. Pure.
std::vector<FileDemand> file_demands(const profiles::Profile& profile,
                                     const QemuInvocation& invocation, bool kvm);

struct FileFacts {
  FileDemand demand;
  int open_errno = 0;  ///< of opening it as it will be opened; 0: it opens
  bool folder = false;
  bool empty = false;
  std::string detected;  ///< image format by its first bytes: "qcow2", "vmdk", "vdi", "vhdx",
                         ///< "qed", "luks"; "": none of these, so raw
};

/// Opens each file, where QEMU will do so with `user`'s rights (nothing: our own), and reads its
/// first bytes.
std::vector<FileFacts> probe_files(const std::vector<FileDemand>& demands,
                                   const std::optional<Credentials>& user);

/// By magic number. Pure.
std::string detect_image_format(std::string_view first_bytes);

/// Problems "file-not-usable", "image-format"; "file-not-allowed" where the caller lacks the right.
/// `user`: QEMU's, "" for our own.
Problems file_problems(const std::vector<FileFacts>& files, const std::string& user);

}  // namespace kvmrt::launcher
