// SPDX-License-Identifier: MIT
#include "launcher/log_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

fs::path old_log(const fs::path& path, int age) {
  return age == 0 ? path : fs::path(path.string() + "." + std::to_string(age));
}

bool printable(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return byte == '\t' || byte == '\n' || (code >= 0x20 && code != 0x7f);
}

/// The last bytes of a file, from the start of a line where one begins there.
std::string last_bytes(const Fd& fd, Bytes limit) {
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return {};
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const std::uint64_t from = size > limit.count() ? size - limit.count() : 0;
  std::string text(size - from, '\0');
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto first_line = from == 0 ? 0 : text.find('\n') + 1;  // all of it when there is none
  return text.substr(first_line);
}

}  // namespace

void rotate_log(const fs::path& path, int keep) {
  std::error_code absent;
  if (fs::file_size(path, absent) == 0 || absent) return;
  for (int age = keep; age > 0; --age) {
    const fs::path from = old_log(path, age - 1);
    const fs::path to = old_log(path, age);
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
      throw_errno("rename " + from.string() + " to", to);
  }
}

Fd open_log(const fs::path& path, int keep) {
  rotate_log(path, keep);
  Fd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw_errno("open", path);
  return fd;
}

std::string log_tail(const fs::path& path, std::size_t lines, Bytes limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const std::string text = last_bytes(fd, limit);
  auto all = lines_of(text);
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(lines));
  std::string tail;
  for (const auto line : all) {
    tail += line;
    tail += '\n';
  }
  std::ranges::replace_if(
      tail, [](char byte) { return !printable(byte); }, '?');
  return tail;
}

}  // namespace kvmrt::launcher
