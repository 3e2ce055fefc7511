// SPDX-License-Identifier: MIT
// replace_file of file.h. Writers of one file may meet: each has a temporary of its own, locked
// while it lives, so that one left by a writer that was killed is known by its free lock.
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace kvmrt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".new-";

void write_whole(const Fd& fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno("write", name);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void sync_folder_of(const fs::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

bool locked(const Fd& fd) { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }

bool linked(const Fd& fd) {
  struct stat now {};
  return ::fstat(fd.get(), &now) == 0 && now.st_nlink > 0;
}

struct Temporary {
  fs::path path;
  Fd fd;
};

Temporary make_temporary(const fs::path& path, unsigned mode) {
  static std::atomic<unsigned> count{0};
  while (true) {
    const fs::path name = path.string() + std::string(kMark) + std::to_string(::getpid()) + '-' +
                          std::to_string(count++);
    Fd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd && errno == EEXIST) continue;
    if (!fd) throw_errno("create", name);
    // Another writer may have taken it for a left one before it was locked.
    if (locked(fd) && linked(fd)) return {name, std::move(fd)};
  }
}

bool is_temporary_of(const fs::path& path, const std::string& name) {
  return name.starts_with(path.filename().string() + std::string(kMark));
}

/// As far as that can be done: what is left is only untidy.
void remove_left_temporaries(const fs::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!is_temporary_of(path, entry.path().filename().string())) continue;
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd && locked(fd)) ::unlink(entry.path().c_str());
  }
}

}  // namespace

void replace_file(const fs::path& path, std::string_view text, unsigned mode, Sync sync) {
  remove_left_temporaries(path);
  const Temporary temporary = make_temporary(path, mode);
  try {
    write_whole(temporary.fd, text, temporary.path);
    if (sync == Sync::yes && ::fsync(temporary.fd.get()) != 0) throw_errno("sync", temporary.path);
    if (::rename(temporary.path.c_str(), path.c_str()) != 0) throw_errno("rename to", path);
  } catch (const SystemError&) {
    ::unlink(temporary.path.c_str());
    throw;
  }
  if (sync == Sync::yes) sync_folder_of(path);
}

}  // namespace kvmrt
