// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "partition/checks/host_view.h"

namespace kvmrt::partition::checks {
namespace {

constexpr std::array kErrors{
    std::pair{std::string_view("<ENOENT>"), ENOENT},
    std::pair{std::string_view("<EACCES>"), EACCES}, std::pair{std::string_view("<EPERM>"), EPERM},
    std::pair{std::string_view("<EIO>"), EIO}, std::pair{std::string_view("<node>"), EINVAL}};

FileText text_or_error(std::string text) {
  for (const auto& [word, number] : kErrors) {
    if (trimmed(text) == word) return {{}, number};
  }
  return {std::move(text), 0};
}

/// "PATH: text" and "PATH:"; nothing for any other line.
std::optional<std::pair<std::string, std::string>> block_start(std::string_view line) {
  if (!line.starts_with('/')) return std::nullopt;
  if (const auto colon = line.find(": "); colon != std::string_view::npos)
    return std::pair(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
  if (line.ends_with(':')) return std::pair(std::string(line.substr(0, line.size() - 1)), "");
  return std::nullopt;
}

}  // namespace

std::optional<SnapshotHost> SnapshotHost::from_text(std::string_view text) {
  SnapshotHost host;
  std::optional<std::pair<std::string, std::string>> block;
  const auto finish = [&] {
    if (block) host.add(block->first, block->second);
    block.reset();
  };
  for (const std::string_view line : lines_of(text)) {
    if (block && (line.starts_with("  ") || line.empty())) {
      if (!block->second.empty()) block->second += '\n';
      block->second += line.substr(std::min<std::size_t>(2, line.size()));
      continue;
    }
    finish();
    if (line.empty() || line.starts_with('#')) continue;
    block = block_start(line);
    if (!block) return std::nullopt;
  }
  finish();
  return host;
}

void SnapshotHost::add(const std::string& path, std::string text) {
  files_[path] = text_or_error(std::move(text));
  std::string_view below = path;
  for (auto slash = below.rfind('/'); slash != std::string_view::npos; slash = below.rfind('/')) {
    const std::string_view folder = below.substr(0, slash);
    folders_[std::string(folder)].insert(std::string(below.substr(slash + 1)));
    below = folder;
  }
}

FileText SnapshotHost::read(const std::string& path) const {
  const auto file = files_.find(path);
  return file == files_.end() ? FileText{{}, ENOENT} : file->second;
}

std::vector<std::string> SnapshotHost::list(const std::string& folder) const {
  const auto names = folders_.find(folder);
  if (names == folders_.end()) return {};
  return {names->second.begin(), names->second.end()};
}

bool SnapshotHost::exists(const std::string& path) const {
  const auto file = files_.find(path);
  if (file != files_.end()) return file->second.error != ENOENT;
  return folders_.contains(path);
}

}  // namespace kvmrt::partition::checks
