// SPDX-License-Identifier: MIT
// What an import reads: domains and sections, each with where it came from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiles/import_kvmrt_cfg.h"
#include "profiles/import_run.h"

namespace kvmrt::profiles::import {

struct Candidate {
  Imported domain;
  std::vector<ImportSource> sources;
};

struct Gathered {
  std::vector<Candidate> candidates;
  std::vector<ImportResult> failures;  ///< sources that gave no domain
};

/// Reads everything, joins sections with their XML, says what libvirt itself does with the VM.
Gathered gather(const ImportRequest& request);

/// The whole of a source ("-": standard input), at most kLongestXml; a problem else.
Checked<std::string> source_text(const std::string& path);

}  // namespace kvmrt::profiles::import
