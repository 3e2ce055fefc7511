// SPDX-License-Identifier: MIT
// Profiles changed in an editor, never left half-changed.
#pragma once

#include <string>

#include "launcher/options.h"

namespace kvmrt::launcher {

struct EditOptions {
  CommonOptions common;
  std::string name;   ///< "": the only file of -f
  bool host = false;  ///< the host file instead
};

/// Edits a copy, checks it together with the other profiles, and puts it in place; on errors asks
/// whether to edit again, and without an answer abandons. Then syncs. The exit code: done (also
/// when nothing was changed), refused when errors made the edit be abandoned, failed when the
/// editor did. Throws Refused and SystemError; the file is as it was then.
int edit_config(const EditOptions& options);

}  // namespace kvmrt::launcher
