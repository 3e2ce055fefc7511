// SPDX-License-Identifier: MIT
#include "partition/checks/host_view.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::partition::checks {
namespace {

constexpr Bytes kFileLimit = mib(16);

FileText read_text(const std::filesystem::path& path) {
  try {
    return {read_file(path, kFileLimit), 0};
  } catch (const SystemError& error) {
    return {{}, error.error_number()};
  }
}

}  // namespace

FolderHost::FolderHost(std::filesystem::path root, FactFiles facts)
    : root_(std::move(root)), read_(std::move(facts)) {}

FileText FolderHost::read(const std::string& path) const {
  auto known = read_.find(path);
  if (known == read_.end())
    known =
        read_.emplace(path, read_text(root_ / std::filesystem::path(path).relative_path())).first;
  return known->second;
}

std::vector<std::string> FolderHost::list(const std::string& folder) const {
  std::vector<std::string> names;
  std::error_code error;
  const auto path = root_ / std::filesystem::path(folder).relative_path();
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end;
       at.increment(error))
    names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

bool FolderHost::exists(const std::string& path) const {
  if (const auto known = read_.find(path); known != read_.end() && known->second.ok()) return true;
  std::error_code error;
  const auto status =
      std::filesystem::symlink_status(root_ / std::filesystem::path(path).relative_path(), error);
  return std::filesystem::exists(status);
}

std::unique_ptr<HostView> open_host(const std::string& root, FactFiles live_facts) {
  std::error_code error;
  if (root.empty() || root == "/") return std::make_unique<FolderHost>("/", std::move(live_facts));
  if (std::filesystem::is_directory(root, error))
    return std::make_unique<FolderHost>(root, FactFiles{});
  auto snapshot = SnapshotHost::from_text(read_file(root));
  if (!snapshot)
    throw SystemError("read host snapshot", root, EINVAL,
                      "a snapshot holds 'PATH: text' blocks; scripts/capture-host makes one");
  return std::make_unique<SnapshotHost>(std::move(*snapshot));
}

}  // namespace kvmrt::partition::checks
