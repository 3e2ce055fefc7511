// SPDX-License-Identifier: MIT
// A whole import: sources in, profile files out. What the command prints is the result.
#pragma once

#include <string>
#include <vector>

#include "profiles/import_libvirt.h"
#include "profiles/import_text.h"

namespace kvmrt::profiles {

struct ImportRequest {
  /// Domain XML files, folders of them, kvmrt.cfg files, "-" for standard input; none: the folder
  /// of libvirt, where VMs that have a profile already are passed over.
  std::vector<std::string> sources;
  std::string folder = "/etc/kvmrt";  ///< of the profiles
  bool update = false;                ///< renew profiles that were imported before
  bool create = true;                 ///< make profiles for VMs that have none
  bool dry_run = false;               ///< write nothing
  std::string libvirt_folder = "/etc/libvirt/qemu";
  std::string libvirt_run_folder = "/run/libvirt/qemu";
};

struct ImportResult {
  enum class Outcome { created, updated, unchanged, skipped, failed };
  Outcome outcome = Outcome::failed;
  std::string source;
  std::string name;                     ///< "" when not even that is known
  std::string file;                     ///< of the profile; "" when there is none
  std::vector<NotCarried> not_carried;  ///< empty when skipped
  Problems problems;
};

/// One result per VM (and per source that is none). A profile that would not load is written to
/// NAME.yaml.rejected instead. Throws SystemError when a file cannot be written.
std::vector<ImportResult> run_import(const ImportRequest& request);

/// sync-config -r: renews every profile of the folder whose source has changed since its import;
/// a source that vanished is a problem (source-vanished). Unchanged ones are told too.
std::vector<ImportResult> reimport(const ImportRequest& request);

/// Whether any of them failed.
bool any_failed(const std::vector<ImportResult>& results);

}  // namespace kvmrt::profiles
