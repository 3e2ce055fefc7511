// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace kvmrt {

void Fd::reset() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

namespace {

std::string read_open(const Fd& fd, const std::filesystem::path& path, Bytes limit) {
  std::string text;
  std::array<char, 16384> part{};
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("read", path);
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > limit.count()) throw SystemError("read", path, EFBIG);
  }
}

/// Of what is not there; a process or a device may go between open and read.
bool absent(int error) {
  return error == ENOENT || error == ENOTDIR || error == ENODEV || error == ESRCH;
}

}  // namespace

std::string read_file(const std::filesystem::path& path, Bytes limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("open", path);
  return read_open(fd, path, limit);
}

std::optional<std::string> read_file_if_any(const std::filesystem::path& path, Bytes limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Most of what a launch asks for in vain is not there, and an exception takes a hundred times as
  // long as the call.
  if (!fd && absent(errno)) return std::nullopt;
  if (!fd) throw_errno("open", path);
  try {
    return read_open(fd, path, limit);
  } catch (const SystemError& error) {
    if (absent(error.error_number())) return std::nullopt;
    throw;
  }
}

int write_knob(const std::filesystem::path& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  ssize_t put = 0;
  do {
    put = ::write(fd.get(), text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  return put < 0 ? errno : 0;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  constexpr std::string_view kBlank = " \t\r\n";
  for (auto at = text.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const auto end = text.find_first_of(kBlank, at);
    fields.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlank, end);
  }
  return fields;
}

}  // namespace kvmrt
