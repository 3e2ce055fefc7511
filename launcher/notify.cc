// SPDX-License-Identifier: MIT
// The protocol of sd_notify(3) is one datagram. libsystemd would bring five compression and
// cryptography libraries into every start of a guest for it.
#include "launcher/notify.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

namespace kvmrt::launcher {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? std::string_view() : value;
}

/// A path, or '@' for a name in the abstract name space.
bool address_of(std::string_view name, sockaddr_un& address, socklen_t& length) {
  if (name.size() < 2 || name.size() >= sizeof address.sun_path) return false;
  if (name.front() != '/' && name.front() != '@') return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return true;
}

/// A service manager that does not hear us is no reason to stop a guest.
void send(const std::string& message) {
  const std::string_view name = variable("NOTIFY_SOCKET");
  sockaddr_un address{};
  socklen_t length = 0;
  if (name.empty() || !address_of(name, address, length)) return;
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  ::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);
}

/// One line: a line feed would begin another assignment.
std::string status_line(std::string status) {
  std::ranges::replace(status, '\n', ' ');
  return "STATUS=" + status;
}

}  // namespace

bool has_service_manager() { return !variable("NOTIFY_SOCKET").empty(); }

void notify_ready(const std::string& status) {
  if (has_service_manager()) send("READY=1\n" + status_line(status));
}

void notify_reloading(const std::string& status) {
  if (!has_service_manager()) return;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto usec = now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n{}", usec, status_line(status)));
}

void notify_status(const std::string& status) {
  if (has_service_manager()) send(status_line(status));
}

void notify_stopping(const std::string& status) {
  if (has_service_manager()) send("STOPPING=1\n" + status_line(status));
}

void notify_main_pid(Pid pid) {
  if (has_service_manager()) send("MAINPID=" + to_string(pid));
}

void notify_extend_timeout(std::chrono::microseconds time) {
  if (has_service_manager()) send(fmt::format("EXTEND_TIMEOUT_USEC={}", time.count()));
}

void notify_watchdog() {
  if (has_service_manager()) send("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  const auto number = [](std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : 0;
  };
  const auto period = number(variable("WATCHDOG_USEC"));
  const auto pid = variable("WATCHDOG_PID");
  if (period <= 0 || (!pid.empty() && number(pid) != ::getpid())) return std::nullopt;
  return std::chrono::microseconds(period) / 2;
}

}  // namespace kvmrt::launcher
