// SPDX-License-Identifier: MIT
#include "profiles/file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/fd.h"
#include "profiles/load.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

Problem refusal(const std::string& path, std::string code, std::string message,
                std::string hint = {}) {
  return {Severity::error,    std::move(code), "",          "",
          std::move(message), std::move(hint), {path, 0, 0}};
}

Problem failure(const std::string& path) {
  return refusal(path, "cannot-read", std::system_category().message(errno));
}

std::optional<Problem> distrust(const std::string& path, const struct stat& file) {
  if (is_world_writable(file.st_mode))
    return refusal(path, "world-writable",
                   "anyone may write this file; root takes no orders from it",
                   fmt::format("chmod o-w {}", path));
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  struct stat above {};
  if (::stat(folder.c_str(), &above) == 0 && is_world_writable(above.st_mode))
    return refusal(
        path, "world-writable",
        fmt::format("anyone may write its folder {}; root takes no orders from there", folder),
        fmt::format("chmod o-w {}", folder));
  return std::nullopt;
}

Checked<std::string> whole_text(const std::string& path, int file) {
  std::string text;
  std::array<char, 65536> block{};
  for (;;) {
    const ssize_t count = ::read(file, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(path);
    if (count == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > kLongestFile)
      return refusal(path, "too-large",
                     fmt::format("more than {} bytes; a file may have that many", kLongestFile));
  }
}

}  // namespace

bool is_world_writable(unsigned mode) {
  const bool sticky_folder = S_ISDIR(mode) && (mode & S_ISVTX) != 0;
  return (mode & S_IWOTH) != 0 && !sticky_folder;
}

Checked<std::string> read_trusted_file(const std::string& path) {
  return read_trusted_file(path, ::geteuid());
}

Checked<std::string> read_trusted_file(const std::string& path, unsigned user_id) {
  // O_NONBLOCK: a FIFO by that name must not hang us before we see that it is one.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return failure(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failure(path);
  if (!S_ISREG(status.st_mode)) return refusal(path, "cannot-read", "it is no regular file");
  if (user_id == 0) {
    if (auto problem = distrust(path, status)) return *std::move(problem);
  }
  return whole_text(path, file.get());
}

}  // namespace kvmrt::profiles
