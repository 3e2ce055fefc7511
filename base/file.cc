// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
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

void write_whole(const Fd& fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno("write", name);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void sync_folder_of(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

}  // namespace

std::string read_file(const std::filesystem::path& path, Bytes limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("open", path);
  return read_open(fd, path, limit);
}

std::optional<std::string> read_file_if_any(const std::filesystem::path& path, Bytes limit) {
  try {
    return read_file(path, limit);
  } catch (const SystemError& error) {
    const int number = error.error_number();
    if (number == ENOENT || number == ENOTDIR || number == ENODEV || number == ESRCH)
      return std::nullopt;
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

void replace_file(const std::filesystem::path& path, std::string_view text, unsigned mode,
                  Sync sync) {
  const std::string temporary = path.string() + ".new";
  ::unlink(temporary.c_str());
  const Fd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) throw_errno("create", temporary);
  try {
    write_whole(fd, text, temporary);
    if (sync == Sync::yes && ::fsync(fd.get()) != 0) throw_errno("sync", temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno("rename to", path);
  } catch (const SystemError&) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (sync == Sync::yes) sync_folder_of(path);
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
