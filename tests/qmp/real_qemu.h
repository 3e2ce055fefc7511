// SPDX-License-Identifier: MIT
// A real QEMU without a guest, stopped at its start, its monitor at descriptor 9.
#pragma once

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "qmp/listen.h"

namespace kvmrt::qmp::test {

inline constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";

inline bool have_qemu() { return ::access(kQemu, X_OK) == 0; }

class RealQemu {
 public:
  RealQemu() {
    std::string name = "/tmp/kvmrt-real-XXXXXX";
    folder = ::mkdtemp(name.data());
    monitor = listen_and_connect(folder / "qmp.sock");
    start();
    monitor.listening.reset();
  }
  ~RealQemu() {
    wait(true);
    std::filesystem::remove_all(folder);
  }
  RealQemu(RealQemu&&) = delete;

  /// As waitpid tells.
  int wait(bool kill) {
    if (pid_ < 0) return -1;
    if (kill) ::kill(pid_, SIGKILL);
    int status = -1;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

  std::filesystem::path folder;
  MonitorSocket monitor;

 private:
  void start() {
    std::vector<std::string> arguments{kQemu,         "-S",
                                       "-nodefaults", "-no-user-config",
                                       "-display",    "none",
                                       "-machine",    "q35",
                                       "-accel",      "tcg,thread=multi,tb-size=16",
                                       "-smp",        "1,maxcpus=2",
                                       "-m",          "32",
                                       "-object",     "iothread,id=io0",
                                       "-chardev",    "socket,id=m,fd=9,server=on,wait=off",
                                       "-mon",        "chardev=m,mode=control"};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, monitor.listening.get(), 9);
    EXPECT_EQ(::posix_spawn(&pid_, kQemu, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }

  pid_t pid_ = -1;
};

}  // namespace kvmrt::qmp::test
