// SPDX-License-Identifier: MIT
#include "qmp/listen.h"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

namespace kvmrt::qmp {
namespace {

class MonitorSocketTest : public ::testing::Test {
 protected:
  MonitorSocketTest() {
    std::string name = "/tmp/kvmrt-listen-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~MonitorSocketTest() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
};

bool carries_bytes(const MonitorSocket& monitor) {
  const Fd served(::accept4(monitor.listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char byte = 0;
  return ::send(served.get(), "k", 1, MSG_NOSIGNAL) == 1 &&
         ::recv(monitor.connected.get(), &byte, 1, 0) == 1 && byte == 'k';
}

int error_of(const std::filesystem::path& path) {
  try {
    listen_and_connect(path);
    return 0;
  } catch (const SystemError& error) {
    EXPECT_EQ(error.object(), path.string());
    return error.error_number();
  }
}

TEST_F(MonitorSocketTest, IsConnectedBeforeAnybodyServesIt) {
  EXPECT_TRUE(carries_bytes(listen_and_connect(folder / "qmp.sock")));
}

TEST_F(MonitorSocketTest, IsNotInheritedByAccident) {
  const auto monitor = listen_and_connect(folder / "qmp.sock");
  EXPECT_TRUE(::fcntl(monitor.listening.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(::fcntl(monitor.connected.get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(MonitorSocketTest, WorksAtAPathThatNoSocketAddressHolds) {
  const auto deep = folder / std::string(100, 'a') / std::string(100, 'b');
  std::filesystem::create_directories(deep);
  EXPECT_TRUE(carries_bytes(listen_and_connect(deep / "qmp.sock")));
  EXPECT_TRUE(std::filesystem::is_socket(deep / "qmp.sock"));
}

TEST_F(MonitorSocketTest, NamesANameThatIsTooLongItself) {
  EXPECT_EQ(error_of(folder / std::string(120, 'n')), ENAMETOOLONG);
}

TEST_F(MonitorSocketTest, ReplacesWhatADeadProcessLeft) {
  { const auto dead = listen_and_connect(folder / "qmp.sock"); }
  EXPECT_TRUE(carries_bytes(listen_and_connect(folder / "qmp.sock")));
}

TEST_F(MonitorSocketTest, LeavesALiveSocketAlone) {
  const auto alive = listen_and_connect(folder / "qmp.sock");
  EXPECT_EQ(error_of(folder / "qmp.sock"), EADDRINUSE);
  EXPECT_TRUE(carries_bytes(alive));
}

TEST_F(MonitorSocketTest, NeverRemovesWhatIsNoSocket) {
  std::ofstream(folder / "qmp.sock") << "precious";
  EXPECT_EQ(error_of(folder / "qmp.sock"), EEXIST);
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "qmp.sock"));
}

TEST_F(MonitorSocketTest, NamesAFolderThatDoesNotExist) {
  EXPECT_EQ(error_of(folder / "absent" / "qmp.sock"), ENOENT);
}

TEST_F(MonitorSocketTest, CanBeConnectedToAgainByPath) {
  const auto monitor = listen_and_connect(folder / "qmp.sock");
  EXPECT_TRUE(connect_to(folder / "qmp.sock"));
}

TEST_F(MonitorSocketTest, TellsThatNobodyListens) {
  { const auto dead = listen_and_connect(folder / "qmp.sock"); }
  try {
    connect_to(folder / "qmp.sock");
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_EQ(error.error_number(), ECONNREFUSED);
  }
}

}  // namespace
}  // namespace kvmrt::qmp
