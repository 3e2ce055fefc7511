// SPDX-License-Identifier: MIT
// Profiles out of YAML text, files and folders. All problems of a file come at once, each with its
// place, the key, what was found and what is allowed; what depends on the host is the planner's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/problem.h"
#include "profiles/profile.h"

namespace kvmrt::profiles {

/// Texts "key=value" of --set; the key dotted, with list indexes ("disks[0].path"), the value YAML.
/// They apply to every profile of the file; their problems name "--set" as file.
using Overrides = std::vector<std::string>;

/// Relative paths start at the folder of `file_name`. A text without a profile is a problem.
Checked<std::vector<Profile>> load_text(std::string_view text, const std::string& file_name,
                                        const Overrides& overrides = {});

/// Codes beyond those of the text: cannot-read, world-writable.
Checked<std::vector<Profile>> load_file(const std::string& path, const Overrides& overrides = {});

/// All *.yaml and *.yml of the folder but host.yaml, sorted. Duplicate names and UUIDs across the
/// files are problems (duplicate-name, duplicate-uuid). An empty folder has no profiles.
Checked<std::vector<Profile>> load_folder(const std::string& path);

/// The files that load_folder() reads; a file alone is itself. Code: cannot-read.
Checked<std::vector<std::string>> profile_files(const std::string& path);

/// A folder or a file.
Checked<std::vector<Profile>> load(const std::string& path, const Overrides& overrides = {});

/// What can be used of a folder or a file: a broken profile costs its own VMs only.
struct Usable {
  std::vector<Profile> profiles;
  std::vector<std::string> broken;  ///< names of VMs that do not load, as far as they can be told
  Problems problems;                ///< of the broken ones, and all warnings
};

/// A file that is no YAML, or has a name that stands in another one, gives none of its VMs. Of two
/// VMs with one UUID the first can be used. A folder or file that cannot be read at all is a
/// problem (cannot-read) like any other.
Usable load_usable(const std::string& path, const Overrides& overrides = {});

/// The same as if `instead.text` stood in that file.
struct Instead {
  std::string file;
  std::string text;
};
Usable load_usable(const std::string& path, const Instead& instead);

/// What load_folder() adds: VMs of one name or one UUID.
Problems duplicates(const std::vector<Profile>& profiles);

/// Keys that the profile sets and whose feature is not built: code not-built-yet, an error each.
Problems unbuilt(const Profile& profile);

/// The UUID (version 5) of a name, lower case.
std::string uuid_of(const std::string& name);

/// Whether root may trust this file or folder: nobody but its owner and group may write it
/// (a folder with the sticky bit passes: others cannot replace what is not theirs).
/// Pure; `mode` as of stat(2).
bool is_world_writable(unsigned mode);

}  // namespace kvmrt::profiles
