// SPDX-License-Identifier: MIT
// The files in which profiles stand: which VM is where, a new file that replaces none, and a file
// renewed under its editor's lock.
#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "base/fd.h"
#include "base/problem.h"

namespace kvmrt::profiles {

struct StoredProfile {
  std::string name;  ///< "" when the document has none
  std::string uuid;  ///< derived from the name when the document has none
  std::string file;
};

/// The profiles of a folder or a file, also those that do not load. A file that is no YAML at all
/// has none.
std::vector<StoredProfile> stored_profiles(const std::string& path);

/// Where the profile of a new VM goes: FOLDER/NAME.yaml. Codes: bad-name, duplicate-name,
/// file-exists.
Checked<std::string> new_profile_path(const std::string& folder, const std::string& name);

/// The file at once whole, mode 0644, and never over another one. Makes the folder. Throws
/// SystemError.
void install_new(const std::string& path, std::string_view text);

/// A file that nobody else edits meanwhile.
class EditedFile {
 public:
  /// Code in-use when another editor has it, cannot-read and the like as read_trusted_file().
  /// Symbolic links are followed. Throws SystemError.
  static Checked<EditedFile> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& text() const { return text_; }

  /// Replaces the file, with its mode and owner. False, and nothing is done, when someone changed
  /// it since open(). Throws SystemError.
  [[nodiscard]] bool install(std::string_view text) const;

 private:
  EditedFile(std::string path, std::string text, Fd lock, const struct stat& status)
      : path_(std::move(path)), text_(std::move(text)), lock_(std::move(lock)), status_(status) {}
  std::string path_;
  std::string text_;
  Fd lock_;
  struct stat status_;
};

}  // namespace kvmrt::profiles
