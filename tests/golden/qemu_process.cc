// SPDX-License-Identifier: MIT
#include "tests/golden/qemu_process.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"

namespace kvmrt::golden {
namespace {

using launcher::Handover;

constexpr int kHighFd = 200;  ///< above every number that an invocation uses
constexpr int kPatience = 20'000;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

int listen_at(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  ::unlink(path.c_str());
  if (::bind(fd, generic(address), sizeof address) != 0 || ::listen(fd, 1) != 0)
    throw_errno("listen at", path);
  return fd;
}

int connect_to(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  if (::connect(fd, generic(address), sizeof address) != 0) throw_errno("connect to", path);
  return fd;
}

int open_tap() {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0) throw_errno("make", "a tap");
  return fd;
}

void write_image(const std::filesystem::path& path, std::size_t size) {
  std::ofstream(path).close();
  std::filesystem::resize_file(path, size);
}

/// What QEMU looks at before it takes a file for a Linux kernel: the setup header of the x86 boot
/// protocol (Documentation/arch/x86/boot.rst).
void write_kernel(const std::filesystem::path& path) {
  std::string image(1U << 16U, '\0');
  image[0x1f1] = 4;                 // setup_sects
  image.replace(0x202, 4, "HdrS");  // header
  image[0x206] = 0x0c;              // version 2.12
  image[0x207] = 0x02;
  image[0x211] = 1;                             // loadflags: loaded high
  image.replace(0x22c, 4, "\xff\xff\xff\x37");  // initrd_addr_max
  std::ofstream(path) << image;
}

void write_qcow2(const std::filesystem::path& path) {
  const std::string command = "qemu-img create -q -f qcow2 '" + path.string() + "' 1M";
  if (std::system(command.c_str()) != 0) throw SystemError("create", path, EIO);
}

}  // namespace

CaseFolder::CaseFolder() {
  std::string name = std::filesystem::temp_directory_path() / "kvmrt-golden-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw_errno("make", name);
  path_ = name;
  std::filesystem::create_directory(path_ / "state");
  for (const char* const image :
       {"a.raw", "b.raw", "c.raw", "d.raw", "e.raw", "f.raw", "g.raw", "c,d.raw"})
    write_image(path_ / image, 1U << 20U);
  write_qcow2(path_ / "a.qcow2");
  write_qcow2(path_ / "b.qcow2");
  write_kernel(path_ / "vmlinuz");
  for (const char* const blob : {"rom", "initrd"}) write_image(path_ / blob, 1U << 16U);
}

CaseFolder::~CaseFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int QemuProcess::open_handover(const Handover& handover) {
  switch (handover.kind) {
    case Handover::Kind::qmp_listener: {
      const int fd = listen_at(handover.path);
      qmp_ = Fd(connect_to(handover.path));
      return fd;
    }
    case Handover::Kind::listener:
      return listen_at(handover.path);
    case Handover::Kind::console: {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw_errno("make", "a socket pair");
      console_ = Fd(ends[0]);
      return ends[1];
    }
    case Handover::Kind::tpm:
      throw SystemError("play", "a TPM", ENOTSUP);
    case Handover::Kind::tap:
      return open_tap();
    case Handover::Kind::file:
    case Handover::Kind::vhost_net:
      break;
  }
  const int flags = handover.kind == Handover::Kind::file ? handover.open_flags : O_RDWR;
  const int fd = ::open(handover.path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw_errno("open", handover.path);
  return fd;
}

QemuProcess::QemuProcess(const launcher::QemuInvocation& invocation,
                         const std::filesystem::path& log) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
  for (const Handover& handover : invocation.handovers) {
    const Fd low(open_handover(handover));
    Fd high(::fcntl(low.get(), F_DUPFD_CLOEXEC, kHighFd));
    ::posix_spawn_file_actions_adddup2(&actions, high.get(), handover.fd);
    given_.emplace(handover.fd, std::move(high));
  }
  std::vector<std::string> words = invocation.argv;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  given_.clear();  // so that QEMU's death shows as the end of the socket
  if (error != 0) throw SystemError("run", words[0], error);
}

QemuProcess::~QemuProcess() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string QemuProcess::read_line() {
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd waiting{.fd = qmp_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kPatience) <= 0) return "";
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(qmp_.get(), bytes.data(), bytes.size());
    if (got <= 0) return "";
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

std::string QemuProcess::execute(const std::string& command, const std::string& arguments) {
  const std::string line = R"({"execute": ")" + command + R"(", "arguments": )" + arguments + "}";
  if (::send(qmp_.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return "";
  for (;;) {
    std::string answer = read_line();
    if (answer.find("\"event\"") == std::string::npos) return answer;
    events_.push_back(std::move(answer));
  }
}

std::string QemuProcess::await_event(const std::string& name) {
  for (;;) {
    if (events_.empty()) events_.push_back(read_line());
    std::string event = std::move(events_.front());
    events_.pop_front();
    if (event.empty() || event.find("\"event\": \"" + name + "\"") != std::string::npos)
      return event;
  }
}

int QemuProcess::quit() {
  execute("quit");
  int status = -1;
  for (int tenth = 0; tenth < 100; ++tenth) {
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return status;
    }
    ::usleep(100'000);
  }
  return -1;
}

}  // namespace kvmrt::golden
