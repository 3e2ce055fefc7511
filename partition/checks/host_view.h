// SPDX-License-Identifier: MIT
// A host as files, read only: the one below a root folder, or one captured as text. Judging is the
// same for both. Paths are absolute, as on the host ("/proc/cmdline"). Facts that no file holds
// (answers of ioctls, samples over a time) stand below "/kvmrt/": live_facts.h makes them on a
// running host, scripts/capture-host writes them into a snapshot.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kvmrt::partition::checks {

/// The text of a file, or the errno of reading it (ENOENT: absent).
struct FileText {
  std::string text;
  int error = 0;
  [[nodiscard]] bool ok() const { return error == 0; }
  friend bool operator==(const FileText&, const FileText&) = default;
};

using FactFiles = std::map<std::string, FileText>;  ///< by path

class HostView {
 public:
  virtual ~HostView() = default;
  /// Throws nothing: "cannot be read" is an answer.
  [[nodiscard]] virtual FileText read(const std::string& path) const = 0;
  /// Names in a folder, sorted; none when it is absent or unreadable.
  [[nodiscard]] virtual std::vector<std::string> list(const std::string& folder) const = 0;
  /// A file, folder, device node or link of any kind.
  [[nodiscard]] virtual bool exists(const std::string& path) const = 0;
};

/// Files below `root`, each read once and kept, so that all checks see the same moment; `facts`
/// overlays it.
class FolderHost : public HostView {
 public:
  FolderHost(std::filesystem::path root, FactFiles facts);
  [[nodiscard]] FileText read(const std::string& path) const override;
  [[nodiscard]] std::vector<std::string> list(const std::string& folder) const override;
  [[nodiscard]] bool exists(const std::string& path) const override;

 private:
  std::filesystem::path root_;
  mutable FactFiles read_;
};

/// A captured host: blocks of "PATH: text" or "PATH:" and lines indented by two blanks; lines that
/// begin with "#" between blocks are comments. Text "<ENOENT>", "<EACCES>", "<EPERM>" or "<EIO>"
/// says that reading failed so; "<node>" that the thing exists but is no file to be read.
class SnapshotHost : public HostView {
 public:
  /// Nothing when a line belongs to no block.
  static std::optional<SnapshotHost> from_text(std::string_view text);
  [[nodiscard]] FileText read(const std::string& path) const override;
  [[nodiscard]] std::vector<std::string> list(const std::string& folder) const override;
  [[nodiscard]] bool exists(const std::string& path) const override;
  [[nodiscard]] const FactFiles& files() const { return files_; }

 private:
  void add(const std::string& path, std::string text);
  FactFiles files_;
  std::map<std::string, std::set<std::string>> folders_;
};

/// A snapshot when `root` is a file, else the folder ("" and "/": this host, with its live facts).
/// Throws SystemError when it cannot be read.
std::unique_ptr<HostView> open_host(const std::string& root, FactFiles live_facts);

}  // namespace kvmrt::partition::checks
