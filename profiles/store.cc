// SPDX-License-Identifier: MIT
#include "profiles/store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "profiles/file.h"
#include "profiles/load.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

namespace fs = std::filesystem;

std::string scalar(const Node& document, std::string_view key) {
  const Node* node = document.find(key);
  return node != nullptr && node->is_scalar() ? node->text : "";
}

Problem refusal(std::string code, const std::string& vm, std::string message,
                const std::string& file, std::string hint = {}) {
  return {Severity::error,    std::move(code), vm,          "",
          std::move(message), std::move(hint), {file, 0, 0}};
}

/// A file beside `path` that is gone again unless it was moved to its place.
class Draft {
 public:
  Draft(const std::string& path, std::string_view text, unsigned mode) {
    const fs::path whole(path);
    name_ = whole.parent_path() / ("." + whole.filename().string() + ".XXXXXX");
    fd_ = Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_) throw_errno("create", name_);
    std::string_view left = text;
    while (!left.empty()) {
      const ssize_t put = ::write(fd_.get(), left.data(), left.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("write");
      left.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fchmod(fd_.get(), mode) != 0) fail("set the mode of");
  }
  ~Draft() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void own(uid_t user, gid_t group) {
    if (::fchown(fd_.get(), user, group) != 0) fail("keep the owner of");
  }

  void move_to(const std::string& path, unsigned flags) {
    if (::fsync(fd_.get()) != 0) fail("sync");
    if (::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path.c_str(), flags) != 0)
      throw_errno("create", path);
    name_.clear();
    const Fd folder(
        ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder) ::fsync(folder.get());
  }

 private:
  [[noreturn]] void fail(const char* act) {
    const SystemError error(act, name_, errno);
    ::unlink(name_.c_str());
    name_.clear();
    throw error;
  }

  std::string name_;
  Fd fd_;
};

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

std::vector<StoredProfile> stored_profiles(const std::string& path) {
  std::vector<StoredProfile> stored;
  auto files = profile_files(path);
  if (!files) return stored;
  for (const std::string& file : *files) {
    const auto text = read_trusted_file(file);
    if (!text) continue;
    for (const Node& root : parse_yaml(*text, file).roots) {
      StoredProfile one{scalar(root, "name"), scalar(root, "uuid"), file};
      if (one.uuid.empty()) one.uuid = uuid_of(one.name);
      stored.push_back(std::move(one));
    }
  }
  return stored;
}

Checked<std::string> new_profile_path(const std::string& folder, const std::string& name) {
  const std::string path = fs::path(folder) / (name + ".yaml");
  if (name == "host" || name.starts_with('.') || name.find('/') != std::string::npos)
    return refusal("bad-name", name,
                   fmt::format("'{}' gives no file for a profile; host.yaml is the host file, and "
                               "names of files begin with a letter or digit",
                               name),
                   folder);
  for (const StoredProfile& one : stored_profiles(folder)) {
    if (one.name == name)
      return refusal("duplicate-name", name, "a VM of this name is there already", one.file,
                     fmt::format("'kvmrt edit-config {}' changes it", name));
  }
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error)))
    return refusal("file-exists", name, "a file of this name is there already", path);
  return path;
}

void install_new(const std::string& path, std::string_view text) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) throw SystemError("create", fs::path(path).parent_path(), error.value());
  Draft(path, text, 0644).move_to(path, RENAME_NOREPLACE);
}

Checked<EditedFile> EditedFile::open(const std::string& path) {
  std::error_code error;
  const std::string real = fs::canonical(path, error);
  if (error) return refusal("cannot-read", "", error.message(), path);
  for (;;) {
    Fd lock(::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!lock) throw_errno("open", real);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) throw_errno("lock", real);
      return refusal("in-use", "", "another editor has this file open", real,
                     "wait until it is done; nothing was changed");
    }
    struct stat held {};
    struct stat named {};
    if (::fstat(lock.get(), &held) != 0) throw_errno("look at", real);
    // The editor before us may have put another file in its place.
    if (::stat(real.c_str(), &named) != 0 || !same_file(held, named)) continue;
    auto text = read_trusted_file(real);
    if (!text) return text.problems();
    return EditedFile(real, std::move(text).value(), std::move(lock), held);
  }
}

bool EditedFile::install(std::string_view text) const {
  struct stat now {};
  if (::stat(path_.c_str(), &now) != 0 || !same_file(now, status_)) return false;
  Draft draft(path_, text, status_.st_mode & 07777U);
  if (status_.st_uid != ::geteuid() || status_.st_gid != ::getegid())
    draft.own(status_.st_uid, status_.st_gid);
  draft.move_to(path_, 0);
  return true;
}

}  // namespace kvmrt::profiles
