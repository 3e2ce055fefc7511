// SPDX-License-Identifier: MIT
// The system in line with the profiles: each autostart VM's unit wanted by kvmrt.target, devices of
// VMs reserved for VFIO from boot on.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/options.h"
#include "profiles/load.h"

namespace kvmrt::launcher {

struct SyncOptions {
  CommonOptions common;
  std::string root = "/";  ///< of another system, an image's; nothing is told to systemd then
  bool reimport = false;   ///< renew profiles from changed sources instead
};

/// A file or link to be, or to be no more.
struct SyncStep {
  enum class Kind { link, file, remove };
  Kind kind = Kind::link;
  std::string path;     ///< below the root
  std::string content;  ///< the link's target or the file's text
  std::string says;     ///< "line3 starts with kvmrt.target"
};

/// What is there now.
struct SyncState {
  std::set<std::string> wanted;  ///< names of links in kvmrt.target.wants: kvmrt@NAME.service
  std::string reserve_rule;      ///< "": no file
};

/// What is to be done. A VM whose profile does not load keeps what it has: broken is not removed.
/// Pure.
std::vector<SyncStep> sync_steps(const profiles::Usable& all, const SyncState& now);

/// `kvmrt sync-config`. The exit code. Throws Refused and SystemError.
int sync_config(const SyncOptions& options);

/// After an edit: the same where -f is the folder that the units start from, else nothing.
int sync_after_change(const CommonOptions& common);

}  // namespace kvmrt::launcher
