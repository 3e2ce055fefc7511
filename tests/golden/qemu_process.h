// SPDX-License-Identifier: MIT
// A real QEMU, started with an invocation's descriptors in place, for tests of the command line.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>

#include "base/fd.h"
#include "launcher/command_line.h"

namespace kvmrt::golden {

/// A folder of its own with what all_cases() names; removed at the end.
class CaseFolder {
 public:
  CaseFolder();
  ~CaseFolder();
  CaseFolder(const CaseFolder&) = delete;
  CaseFolder& operator=(const CaseFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class QemuProcess {
 public:
  /// Opens the handovers and starts. Throws SystemError.
  QemuProcess(const launcher::QemuInvocation& invocation, const std::filesystem::path& log);
  ~QemuProcess();
  QemuProcess(const QemuProcess&) = delete;
  QemuProcess& operator=(const QemuProcess&) = delete;

  /// Sends one QMP command, with its arguments as JSON, and gives the line that answers it; ""
  /// when QEMU is gone. Events before the answer are kept for await_event().
  std::string execute(const std::string& command, const std::string& arguments = "{}");
  /// The line of the next event of this name, events before it dropped; "" after 20 s.
  std::string await_event(const std::string& name);
  /// The greeting; "" when QEMU died first.
  std::string greeting() { return read_line(); }
  /// Quits over QMP, or kills after 10 s; the wait status.
  int quit();
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Our end of the console's socket pair, -1 without one.
  [[nodiscard]] int console() const { return console_.get(); }

 private:
  std::string read_line();
  int open_handover(const launcher::Handover& handover);

  pid_t pid_ = -1;
  Fd qmp_;
  Fd console_;
  std::map<int, Fd> given_;
  std::string buffer_;
  std::deque<std::string> events_;
};

}  // namespace kvmrt::golden
