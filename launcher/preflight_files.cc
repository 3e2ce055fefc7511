// SPDX-License-Identifier: MIT
#include "launcher/preflight_files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace kvmrt::launcher {
namespace {

using namespace std::string_view_literals;

/// While it lives, this thread opens files with another user's rights: mode bits, access control
/// lists and security modules answer for themselves. Raw calls, since the C library would change
/// all threads.
class AsUser {
 public:
  explicit AsUser(const Credentials& user) : groups_(static_cast<std::size_t>(count_groups())) {
    if (::getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0)
      throw_errno("read", "own groups");
    if (::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0)
      throw_errno("look at files as user", user.name);
    ::setfsgid(user.gid);
    ::setfsuid(user.uid);
  }
  ~AsUser() {
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    ::syscall(SYS_setgroups, groups_.size(), groups_.data());
  }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

 private:
  static int count_groups() { return std::max(0, ::getgroups(0, nullptr)); }
  std::vector<gid_t> groups_;
};

FileFacts probe_file(const FileDemand& demand) {
  FileFacts facts{demand, 0, false, false, {}};
  const int flags = (demand.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const Fd fd(::open(demand.path.c_str(), flags));
  if (!fd) {
    facts.open_errno = errno;
    return facts;
  }
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return facts;
  facts.folder = S_ISDIR(about.st_mode);
  facts.empty = S_ISREG(about.st_mode) && about.st_size == 0;
  if (!demand.format.empty() && !facts.folder) {
    std::array<char, 512> first{};
    const ssize_t got = ::pread(fd.get(), first.data(), first.size(), 0);
    if (got > 0)
      facts.detected = detect_image_format({first.data(), static_cast<std::size_t>(got)});
  }
  return facts;
}

/// The format that the disk under this key shall have; "" for other keys.
std::string format_for(const std::string& key, const profiles::Profile& profile) {
  for (std::size_t i = 0; i < profile.disks.size(); ++i) {
    if (!key.starts_with(fmt::format("disks[{}]", i))) continue;
    const auto& disk = profile.disks[i];
    if (!disk.format.empty()) return disk.format;
    return disk.path.ends_with(".qcow2") ? "qcow2" : "raw";
  }
  return {};
}

Problem problem(const FileFacts& file, std::string code, std::string message, std::string hint) {
  return {Severity::error,    std::move(code), "", file.demand.key,
          std::move(message), std::move(hint), {}};
}

Problem not_usable(const FileFacts& file, const std::string& user) {
  const bool as_other = file.demand.by_qemu && !user.empty();
  const bool forbidden = file.open_errno == EACCES || file.open_errno == EPERM;
  std::string hint;
  if (forbidden)
    hint = fmt::format("{} needs {} permission on it, and search permission on each folder above",
                       as_other ? "user " + user : "the caller",
                       file.demand.writable ? "read and write" : "read");
  return problem(
      file, "file-not-usable",
      fmt::format("{}{}: {}", file.demand.path, as_other ? fmt::format(" as user {}", user) : "",
                  std::generic_category().message(file.open_errno)),
      std::move(hint));
}

/// The formats whose first bytes tell them.
bool has_magic(const std::string& format) {
  return format == "qcow2" || format == "vmdk" || format == "vdi" || format == "vhdx" ||
         format == "qed" || format == "luks";
}

/// A raw disk whose guest encrypts it begins as LUKS does.
bool other_format(const FileFacts& file) {
  const std::string& wanted = file.demand.format;
  if (wanted == "raw") return !file.detected.empty() && file.detected != "luks";
  return has_magic(wanted) && file.detected != wanted;
}

}  // namespace

std::vector<FileDemand> file_demands(const profiles::Profile& profile,
                                     const QemuInvocation& invocation, bool kvm) {
  std::vector<FileDemand> demands;
  if (kvm) demands.push_back({"qemu.accel", "/dev/kvm", true, true, ""});
  for (const Handover& handover : invocation.handovers) {
    if (handover.kind != Handover::Kind::file || (handover.open_flags & O_CREAT) != 0) continue;
    const bool writable = (handover.open_flags & O_ACCMODE) != O_RDONLY;
    // Of the images below a disk's own, launcher/image_chain.h knows the formats.
    demands.push_back({handover.key, handover.path, writable, false,
                       handover.layer > 0 ? "" : format_for(handover.key, profile)});
  }
  for (const PathUse& use : invocation.paths)
    if (use.kind == PathUse::Kind::read_file)
      demands.push_back({use.key, use.path, false, true, format_for(use.key, profile)});
  return demands;
}

std::vector<FileFacts> probe_files(const std::vector<FileDemand>& demands,
                                   const std::optional<Credentials>& user) {
  std::vector<FileFacts> facts;
  for (const FileDemand& demand : demands) {
    std::optional<AsUser> other;
    if (demand.by_qemu && user && user->uid != ::geteuid()) other.emplace(*user);
    facts.push_back(probe_file(demand));
  }
  return facts;
}

std::string detect_image_format(std::string_view first_bytes) {
  struct Magic {
    std::string_view bytes;
    std::size_t at;
    const char* format;
  };
  constexpr std::array kMagics{
      Magic{"QFI\xfb"sv, 0, "qcow2"},
      Magic{"KDMV"sv, 0, "vmdk"},
      Magic{"# Disk DescriptorFile"sv, 0, "vmdk"},
      Magic{"\x7f\x10\xda\xbe"sv, 0x40, "vdi"},
      Magic{"vhdxfile"sv, 0, "vhdx"},
      Magic{"QED\0"sv, 0, "qed"},
      Magic{"LUKS\xba\xbe"sv, 0, "luks"},
  };
  for (const Magic& magic : kMagics)
    if (first_bytes.size() >= magic.at + magic.bytes.size() &&
        first_bytes.substr(magic.at, magic.bytes.size()) == magic.bytes)
      return magic.format;
  return {};
}

Problems file_problems(const std::vector<FileFacts>& files, const std::string& user) {
  Problems problems;
  for (const FileFacts& file : files) {
    if (file.open_errno != 0) {
      problems.push_back(not_usable(file, user));
    } else if (file.folder) {
      problems.push_back(problem(file, "file-not-usable", file.demand.path + ": is a folder", ""));
    } else if (!file.demand.format.empty() && other_format(file)) {
      problems.push_back(problem(
          file, "image-format",
          fmt::format("{} is {}, not {}", file.demand.path,
                      file.detected.empty() ? "of another format" : file.detected,
                      file.demand.format),
          fmt::format("set the disk's format; qemu-img info {} tells it", file.demand.path)));
    }
  }
  return problems;
}

}  // namespace kvmrt::launcher
