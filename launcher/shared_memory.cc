// SPDX-License-Identifier: MIT
#include "launcher/shared_memory.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr auto kPrefix = "kvmrt-";

struct stat status_of(const Fd& fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("look at", path);
  return status;
}

/// The file, locked, and its status. A link is not followed: the folder is everybody's.
Fd open_locked(const fs::path& path) {
  for (;;) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw_errno("open", path);
    if (::flock(fd.get(), LOCK_SH) != 0) throw_errno("lock", path);
    // Somebody may have removed it, unused, before we had the lock.
    if (status_of(fd, path).st_nlink > 0) return fd;
  }
}

void drop_if_unused(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
}

}  // namespace

fs::path shared_memory_path(const std::string& name) { return "/dev/shm/" + (kPrefix + name); }

Fd open_shared_memory(const fs::path& path, std::optional<FileOwner> owner) {
  Fd fd = open_locked(path);
  // A new one is nobody's yet; that of a running VM keeps its owner.
  if (owner && status_of(fd, path).st_size == 0 && ::fchown(fd.get(), owner->uid, owner->gid) != 0)
    throw_errno("give away", path);
  return fd;
}

void drop_unused_shared_memory(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kPrefix)) drop_if_unused(entry.path());
  }
}

}  // namespace kvmrt::launcher
