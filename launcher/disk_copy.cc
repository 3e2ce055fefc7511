// SPDX-License-Identifier: MIT
#include "launcher/disk_copy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <linux/fs.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "launcher/tool.h"

namespace kvmrt::launcher {
namespace {

Problem refusal(const std::string& image, std::string code, std::string message,
                std::string hint = {}) {
  return {Severity::error,    std::move(code), "",           "disks",
          std::move(message), std::move(hint), {image, 0, 0}};
}

/// qcow2 of version 3 may keep its data in another file, which two images must not share: bit 2 of
/// the incompatible features (docs/interop/qcow2.txt of QEMU).
bool has_external_data(int fd) {
  std::array<unsigned char, 80> header{};
  if (::pread(fd, header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()))
    return false;
  const bool is_qcow2 =
      header[0] == 'Q' && header[1] == 'F' && header[2] == 'I' && header[3] == 0xfb;
  return is_qcow2 && header[7] >= 3 && (header[79] & 4U) != 0;
}

/// The file that is being written; gone again unless it was finished.
class Target {
 public:
  Target(std::string path, const struct stat& like) : path_(std::move(path)) {
    draft_ = path_ + ".copying";
    fd_ = Fd(::open(draft_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd_) throw_errno("create", draft_);
    mode_ = like.st_mode & 07777U;
    owner_ = like.st_uid;
    group_ = like.st_gid;
  }
  ~Target() {
    if (!draft_.empty()) ::unlink(draft_.c_str());
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& name() const { return draft_; }

  void finish() {
    const bool is_ours = owner_ == ::geteuid() && group_ == ::getegid();
    if (!is_ours && ::fchown(fd_.get(), owner_, group_) != 0)
      throw_errno("keep the owner of", draft_);
    if (::fchmod(fd_.get(), mode_) != 0) throw_errno("set the mode of", draft_);
    if (::fsync(fd_.get()) != 0) throw_errno("sync", draft_);
    if (::renameat2(AT_FDCWD, draft_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0)
      throw_errno("create", path_);
    draft_.clear();
  }

 private:
  std::string path_, draft_;
  Fd fd_;
  mode_t mode_ = 0600;
  uid_t owner_ = 0;
  gid_t group_ = 0;
};

void copy_range(int from, int to, off_t at, off_t end, const std::string& name) {
  std::vector<char> block(std::size_t{1} << 20U);
  while (at < end) {
    const auto wanted = std::min<std::size_t>(block.size(), static_cast<std::size_t>(end - at));
    const ssize_t got = ::pread(from, block.data(), wanted, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("read for", name);
    if (got == 0)
      throw SystemError("read for", name, ENODATA, "the image became shorter meanwhile");
    for (ssize_t done = 0; done < got;) {
      const ssize_t put =
          ::pwrite(to, block.data() + done, static_cast<std::size_t>(got - done), at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) throw_errno("write", name);
      done += put;
    }
    at += got;
  }
}

/// Data only: SEEK_DATA fails with ENXIO behind the last of it.
Bytes copy_data(int from, const Target& target, off_t size) {
  off_t written = 0;
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) throw_errno("look for data for", target.name());
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) throw_errno("look for holes for", target.name());
    copy_range(from, target.fd(), data, hole, target.name());
    written += hole - data;
    at = hole;
  }
  if (::ftruncate(target.fd(), size) != 0) throw_errno("set the size of", target.name());
  return Bytes(static_cast<std::uint64_t>(written));
}

}  // namespace

Problems uncopyable(const std::string& image, bool overlay) {
  const Fd fd(::open(image.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return {refusal(image, "cannot-read", SystemError("open", image, errno).what())};
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return {refusal(image, "cannot-read", SystemError("look at", image, errno).what())};
  if (overlay) return {};
  if (!S_ISREG(status.st_mode))
    return {refusal(image, "is-a-device", "only image files are copied; this is a device",
                    "--overlay makes an image of the differences; or edit 'disks' of the clone")};
  if (has_external_data(fd.get()))
    return {refusal(image, "external-data-file",
                    "the image keeps its data in another file, which two VMs must not share",
                    "'qemu-img convert' makes it one file")};
  return {};
}

DiskCopy copy_disk(const std::string& from, const std::string& to) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) throw_errno("open", from);
  struct stat status {};
  if (::fstat(source.get(), &status) != 0) throw_errno("look at", from);
  Target target(to, status);
  DiskCopy made;
  if (::ioctl(target.fd(), FICLONE, source.get()) == 0)
    made.kind = CopyKind::reflink;
  else
    made.written = copy_data(source.get(), target, status.st_size);
  target.finish();
  return made;
}

DiskCopy overlay_disk(const std::string& backing, const std::string& format,
                      const std::string& to) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(to, error)))
    throw SystemError("create", to, EEXIST);
  const int code = run_tool({"qemu-img", "create", "-q", "-f", "qcow2", "-b",
                             std::filesystem::absolute(backing), "-F", format, to});
  if (code != 0)
    throw std::runtime_error(fmt::format("qemu-img create {} failed with {}", to, code));
  return {CopyKind::overlay, Bytes(0)};
}

}  // namespace kvmrt::launcher
