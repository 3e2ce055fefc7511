// SPDX-License-Identifier: MIT
#include "launcher/console.h"

#include <array>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

namespace kvmrt::launcher {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr char kEscape = 0x1d;  // Ctrl-], as telnet and virsh have it

/// Raw mode for as long as it lives.
class RawTerminal {
 public:
  explicit RawTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    // The guest's own line ends are "\r\n"; our log lines between them want theirs made.
    raw.c_oflag |= OPOST;
    active_ = ::tcsetattr(fd_, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (active_) ::tcsetattr(fd_, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  int fd_;
  termios before_{};
  bool active_ = false;
};

/// epoll takes terminals, pipes and sockets only.
bool can_be_waited_for(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 &&
         (S_ISCHR(facts.st_mode) || S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode));
}

void write_out(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(STDOUT_FILENO, data, size);
    if (put <= 0) return;  // nobody reads; the guest must go on all the same
    data += put;
    size -= static_cast<std::size_t>(put);
  }
}

}  // namespace

struct Console::Relay : std::enable_shared_from_this<Console::Relay> {
  Relay(asio::io_context& io, Fd fd) : guest(io, fd.release()), keyboard(io) {
    // A guest that floods its console must not hold up the supervisor.
    guest.non_blocking(true);
  }

  void read_guest() {
    auto self = shared_from_this();
    guest.async_read_some(asio::buffer(from_guest), [self](error_code failed, std::size_t got) {
      if (failed) return;
      if (self->visible) write_out(self->from_guest.data(), got);
      self->read_guest();
    });
  }

  void read_keyboard() {
    auto self = shared_from_this();
    keyboard.async_read_some(asio::buffer(from_keyboard),
                             [self](error_code failed, std::size_t got) {
                               if (failed) return;
                               const std::string_view typed(self->from_keyboard.data(), got);
                               const auto escape = typed.find(kEscape);
                               self->send(typed.substr(0, escape));
                               if (escape == std::string_view::npos)
                                 self->read_keyboard();
                               else
                                 self->leave();
                             });
  }

  // What the guest does not take at once is dropped, as a serial line without flow control does.
  void send(std::string_view text) {
    if (!text.empty() && guest.is_open())
      (void)::send(guest.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void leave() {
    raw.reset();
    constexpr std::string_view kLeft = "\n[left the console; the guest runs on, Ctrl-C stops it]\n";
    write_out(kLeft.data(), kLeft.size());
    visible = false;
  }

  void close() {
    raw.reset();
    error_code ignored;
    guest.close(ignored);
    if (keyboard.is_open()) keyboard.close(ignored);
  }

  asio::posix::stream_descriptor guest;
  asio::posix::stream_descriptor keyboard;
  std::optional<RawTerminal> raw;
  bool visible = true;
  std::array<char, 4096> from_guest{};
  std::array<char, 256> from_keyboard{};
};

Console::Console(asio::io_context& io, Fd guest, bool on_terminal)
    : relay_(std::make_shared<Relay>(io, std::move(guest))) {
  relay_->visible = on_terminal;
  relay_->read_guest();
  if (!on_terminal || !can_be_waited_for(STDIN_FILENO)) return;
  if (::isatty(STDIN_FILENO) != 0) relay_->raw.emplace(STDIN_FILENO);
  // A descriptor of its own, so that closing it leaves standard input open.
  error_code refused;
  relay_->keyboard.assign(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), refused);
  if (!refused) relay_->read_keyboard();
}

Console::~Console() { relay_->close(); }

void Console::finish() {
  std::array<char, 4096> rest{};
  while (relay_->guest.is_open()) {
    const ssize_t got =
        ::recv(relay_->guest.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT);
    if (got <= 0) break;
    if (relay_->visible) write_out(rest.data(), static_cast<std::size_t>(got));
  }
  relay_->close();
}

}  // namespace kvmrt::launcher
