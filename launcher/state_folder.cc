// SPDX-License-Identifier: MIT
#include "launcher/state_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivate = 0700;
constexpr const char* kVms = "vms";

[[noreturn]] void refuse(const fs::path& folder, int error, std::string why) {
  throw SystemError("use state folder", folder, error,
                    std::move(why) + "; KVMRT_RUNDIR names another one");
}

void check_folder(const Fd& fd, const fs::path& folder) {
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) throw_errno("look at", folder);
  if (facts.st_uid != ::geteuid())
    refuse(folder, EPERM, fmt::format("it belongs to user {}", facts.st_uid));
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse(folder, EPERM, fmt::format("others may write to it (mode {:o})", facts.st_mode & 07777));
}

/// Made with mode 0700 whatever the umask. One that exists is looked at but never changed: the
/// variable may name anything.
void make_private(const fs::path& folder) {
  const bool made = ::mkdir(folder.c_str(), kPrivate) == 0;
  if (!made && errno != EEXIST) refuse(folder, errno, "it cannot be made");
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd)
    refuse(folder, errno,
           errno == ENOTDIR || errno == ELOOP ? "it must be a folder and no symbolic link"
                                              : "it cannot be opened");
  if (made && ::fchmod(fd.get(), kPrivate) != 0) throw_errno("set mode of", folder);
  check_folder(fd, folder);
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Pid written_pid(const Fd& fd) {
  std::array<char, 16> text{};
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), 0);
  int pid = -1;
  if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
  return Pid(pid);
}

void write_pid(const Fd& fd, const fs::path& path) {
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw_errno("write", path);
}

/// Is the file behind the descriptor still the one that has the name?
bool same_file(const Fd& fd, const fs::path& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd.get(), &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

fs::path state_root() {
  const char* given = std::getenv("KVMRT_RUNDIR");  // NOLINT(concurrency-mt-unsafe): one thread
  return given != nullptr && *given != '\0' ? given : "/run/kvmrt";
}

VmFolder vm_folder(const std::string& name, const fs::path& root) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    throw SystemError("name VM", name, EINVAL);
  return VmFolder(root / kVms / name);
}

void make_state_root(const fs::path& root) {
  std::error_code ignored;  // what matters shows below
  if (root.has_parent_path()) fs::create_directories(root.parent_path(), ignored);
  make_private(root);
}

VmFolder make_vm_folder(const std::string& name, const fs::path& root) {
  VmFolder folder = vm_folder(name, root);
  make_state_root(root);
  make_private(root / kVms);
  make_private(folder.path());
  return folder;
}

std::vector<std::string> vm_names(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(root / kVms, absent))
    if (std::error_code gone; entry.is_directory(gone)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::variant<VmLock, HeldBy> lock_vm(const VmFolder& folder) {
  while (true) {
    const fs::path path = folder.lock();
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw_errno("open", path);
    // Of the open file description: it ends with the last copy of the descriptor, and unlike the
    // older kind it is not lost when some other code closes the same file.
    struct flock lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) return HeldBy{written_pid(fd)};
      throw_errno("lock", path);
    }
    if (!same_file(fd, path)) continue;  // removed between open and lock
    write_pid(fd, path);
    return VmLock(std::move(fd));
  }
}

std::optional<VmLock> resume_lock(const VmFolder& folder, Fd fd) {
  struct flock lock = whole_file(F_WRLCK);
  if (!fd || !same_file(fd, folder.lock())) return std::nullopt;
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) return std::nullopt;
  return VmLock(std::move(fd));
}

std::optional<HeldBy> lock_holder(const VmFolder& folder) {
  const Fd fd(::open(folder.lock().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("open", folder.lock());
  }
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0) throw_errno("look at lock", folder.lock());
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return HeldBy{written_pid(fd)};
}

std::string boot_id(const fs::path& root) {
  return std::string(trimmed(read_file(root / "proc/sys/kernel/random/boot_id")));
}

}  // namespace kvmrt::launcher
