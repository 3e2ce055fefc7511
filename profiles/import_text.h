// SPDX-License-Identifier: MIT
// The file of an imported profile: comment lines that remember where it came from, then the keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/import_libvirt.h"

namespace kvmrt::profiles {

struct ImportSource {
  std::string path;         ///< of the XML; "FILE#UUID" for a section of kvmrt.cfg; "-": unknown
  std::string fingerprint;  ///< of what it said
  friend bool operator==(const ImportSource&, const ImportSource&) = default;
};

struct Origin {
  std::vector<ImportSource> sources;
  Node realtime_keys;  ///< as they were imported: what differs now was edited here
};

std::string fingerprint_of(std::string_view text);

/// The whole file.
std::string imported_text(const Node& document, const std::vector<ImportSource>& sources);

/// Nothing when the file was not imported.
std::optional<Origin> origin_of(std::string_view file_text);

/// What -u writes: the fresh import, but the RT keys (cpuset, rt, rt_memory, numatune, hide_kvm,
/// autostart, realtime, cache, latency, guest) that were edited in `file_text` since its import.
std::string updated_text(std::string_view file_text, const Node& fresh,
                         const std::vector<ImportSource>& sources);

}  // namespace kvmrt::profiles
