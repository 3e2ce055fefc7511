// SPDX-License-Identifier: MIT
#include "qmp/listen.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

namespace kvmrt::qmp {

namespace {

/// One client is served at a time; the others wait here, and a supervisor that comes back must
/// find room behind them.
constexpr int kBacklog = 8;

/// A socket address holds 107 characters of path. A longer one is reached through a descriptor of
/// its folder, which must stay open while the address is used.
class Address {
 public:
  explicit Address(const std::filesystem::path& path) {
    std::string name = path.string();
    if (name.size() >= sizeof address_.sun_path) {
      const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
      folder_ = Fd(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!folder_) throw_errno("open", parent);
      name = "/proc/self/fd/" + std::to_string(folder_.get()) + "/" + path.filename().string();
    }
    if (name.size() >= sizeof address_.sun_path)
      throw SystemError("use as socket", path, ENAMETOOLONG, "a shorter name serves");
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, name.c_str(), name.size() + 1);
  }

  [[nodiscard]] int bind(const Fd& fd) const { return ::bind(fd.get(), generic(), size()); }
  [[nodiscard]] int connect(const Fd& fd) const { return ::connect(fd.get(), generic(), size()); }

 private:
  [[nodiscard]] const sockaddr* generic() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  static socklen_t size() { return sizeof(sockaddr_un); }

  Fd folder_;
  sockaddr_un address_{};
};

Fd new_socket(int flags) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw_errno("socket", "");
  return fd;
}

/// 0 or the errno of connect(2).
int try_connect(const Fd& fd, const std::filesystem::path& path) {
  const Address address(path);
  return address.connect(fd) == 0 ? 0 : errno;
}

/// Removes what a killed process left behind; refuses what is alive or no socket.
void make_room(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw_errno("stat", path);
  }
  if (!S_ISSOCK(status.st_mode)) throw SystemError("bind", path, EEXIST);
  if (try_connect(new_socket(SOCK_NONBLOCK), path) != ECONNREFUSED)
    throw SystemError("bind", path, EADDRINUSE);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("remove", path);
}

}  // namespace

Fd listen_at(const std::filesystem::path& path, int backlog) {
  const Address address(path);
  make_room(path);
  Fd fd = new_socket(0);
  if (address.bind(fd) != 0) throw_errno("bind", path);
  if (::listen(fd.get(), backlog) != 0) throw_errno("listen", path);
  return fd;
}

Fd connect_to(const std::filesystem::path& path) {
  Fd fd = new_socket(SOCK_NONBLOCK);
  if (const int error = try_connect(fd, path); error != 0)
    throw SystemError("connect", path, error);
  return fd;
}

MonitorSocket listen_and_connect(const std::filesystem::path& path) {
  MonitorSocket monitor;
  monitor.listening = listen_at(path, kBacklog);
  monitor.connected = connect_to(path);
  return monitor;
}

}  // namespace kvmrt::qmp
