// SPDX-License-Identifier: MIT
#include "launcher/notify.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using namespace std::chrono_literals;

/// A service manager's end of NOTIFY_SOCKET, of a path or, with '@', of an abstract name.
class Manager {
 public:
  explicit Manager(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  [[nodiscard]] std::string heard() const {
    std::array<char, 512> text{};
    const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
    return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "";
  }

 private:
  Fd fd_;
};

TEST(Notify, TellsTheManagerWhatHappens) {
  const test::TemporaryFolder folder;
  const Manager manager((folder.path() / "notify").string());
  EXPECT_TRUE(has_service_manager());
  notify_ready("guest runs");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=guest runs");
  notify_status("two\nlines");
  EXPECT_EQ(manager.heard(), "STATUS=two lines");
  notify_stopping("asked to");
  EXPECT_EQ(manager.heard(), "STOPPING=1\nSTATUS=asked to");
  notify_extend_timeout(5s);
  EXPECT_EQ(manager.heard(), "EXTEND_TIMEOUT_USEC=5000000");
  notify_main_pid(Pid(70));
  EXPECT_EQ(manager.heard(), "MAINPID=70");
  notify_watchdog();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST(Notify, ReachesAnAbstractSocket) {
  const Manager manager("@kvmrt-test-" + std::to_string(::getpid()));
  notify_watchdog();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST(Notify, DoesNotMindThatNobodyListens) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(has_service_manager());
  notify_ready("x");
  ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  notify_ready("x");
  ::setenv("NOTIFY_SOCKET", "nonsense", 1);
  notify_ready("x");
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(Watchdog, IsFedTwicePerPeriodByTheProcessThatItIsMeantFor) {
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  EXPECT_FALSE(watchdog_interval());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval(), 15s);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), 15s);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_interval());
  ::setenv("WATCHDOG_USEC", "soon", 1);
  ::unsetenv("WATCHDOG_PID");
  EXPECT_FALSE(watchdog_interval());
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace kvmrt::launcher
