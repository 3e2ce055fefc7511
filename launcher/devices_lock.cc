// SPDX-License-Identifier: MIT
#include "launcher/devices_lock.h"

#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

// A user of the image holds the byte of each permission that it uses, and that of each permission
// which it does not leave to others. Bit 0 is consistent read, bit 1 is write.
constexpr off_t kUsesWrite = 101;
constexpr off_t kDeniesRead = 200;
constexpr off_t kDeniesWrite = 201;

bool held(int fd, off_t byte) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool has_open(const fs::path& process, const struct stat& image) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(process / "fd", error)) {
    struct stat status {};
    if (::stat(entry.path().c_str(), &status) == 0 && status.st_dev == image.st_dev &&
        status.st_ino == image.st_ino)
      return true;
  }
  return false;
}

std::optional<Pid> pid_of(const fs::path& process) {
  const std::string name = process.filename();
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return Pid(number);
}

std::string comm_of(const fs::path& process) {
  try {
    return std::string(trimmed(read_file_if_any(process / "comm").value_or("")));
  } catch (const SystemError&) {
    return "";  // it ended meanwhile
  }
}

Problem in_use(const Handover& handover) {
  Problem problem;
  problem.code = "image-in-use";
  problem.key = handover.key;
  problem.message = "another QEMU holds the image " + handover.path;
  if (const auto holder = image_holder(handover.path))
    problem.message += ": process " + to_string(holder->pid) + " (" + holder->name + ")";
  problem.hint = "stop that VM first; two writers would destroy the image";
  return problem;
}

}  // namespace

bool image_locked(const std::string& path, ImageUse use) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return false;
  if (held(fd.get(), kUsesWrite) || held(fd.get(), kDeniesRead)) return true;
  return use == ImageUse::write && held(fd.get(), kDeniesWrite);
}

std::optional<ImageHolder> image_holder(const std::string& path, const fs::path& proc) {
  struct stat image {};
  if (::stat(path.c_str(), &image) != 0) return std::nullopt;
  std::optional<ImageHolder> found;
  std::error_code error;
  for (const auto& process : fs::directory_iterator(proc, error)) {
    const auto pid = pid_of(process.path());
    if (!pid || pid->value() == ::getpid() || !has_open(process.path(), image)) continue;
    const std::string name = comm_of(process.path());
    if (name.starts_with("qemu")) return ImageHolder{*pid, name};
    found = ImageHolder{*pid, name};
  }
  return found;
}

Problems check_image_locks(const std::vector<Handover>& handovers) {
  Problems problems;
  for (const Handover& handover : handovers) {
    if (handover.kind != Handover::Kind::file || !handover.key.starts_with("disks[")) continue;
    const bool writes = (handover.open_flags & O_ACCMODE) != O_RDONLY;
    if (image_locked(handover.path, writes ? ImageUse::write : ImageUse::read))
      problems.push_back(in_use(handover));
  }
  return problems;
}

}  // namespace kvmrt::launcher
