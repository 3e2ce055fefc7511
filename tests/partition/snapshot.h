// SPDX-License-Identifier: MIT
// A host from tests/hosts as a folder tree, for as long as the object lives.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/paths.h"

namespace kvmrt::partition {

class Snapshot {
 public:
  explicit Snapshot(const std::string& name) {
    std::string pattern = std::filesystem::temp_directory_path() / "kvmrt-host-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    std::ifstream file(std::string(KVMRT_SOURCE_DIR) + "/tests/hosts/" + name);
    for (std::string line; std::getline(file, line);) add(line);
  }
  ~Snapshot() { std::filesystem::remove_all(root_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

 private:
  void add(const std::string& line) const {
    if (line.empty() || line[0] == '#') return;
    if (const auto arrow = line.find(" -> "); arrow != std::string::npos) {
      const auto link = root_ / line.substr(0, arrow);
      std::filesystem::create_directories(link.parent_path());
      std::filesystem::create_symlink(line.substr(arrow + 4), link);
      return;
    }
    const auto colon = line.find(": ");
    std::string text = colon == std::string::npos ? "" : line.substr(colon + 2);
    for (std::size_t at; (at = text.find("\\n")) != std::string::npos;) text.replace(at, 2, "\n");
    write(line.substr(0, colon), text + "\n");
  }
  std::filesystem::path root_;
};

}  // namespace kvmrt::partition
