// SPDX-License-Identifier: MIT
// A process that cannot be mistaken for another: by number and start time, or by pidfd. Nothing
// here signals or waits by a bare number.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/ids.h"
#include "partition/lease.h"

namespace kvmrt::launcher {

using partition::ProcessId;

/// Nothing when there is no such process.
std::optional<ProcessId> identify(Pid pid, const std::filesystem::path& root = "/");
ProcessId own_process();
/// Is it there, and no zombie?
bool alive(const ProcessId& process, const std::filesystem::path& root = "/");
/// A pidfd, close-on-exec; nothing when the process is gone or its number has a new owner.
/// Throws SystemError for anything else.
std::optional<Fd> open_process(const ProcessId& process);

/// False: it is gone already. Throws SystemError (EPERM).
bool send_signal(const Fd& pidfd, int signal);

struct ExitStatus {
  enum class Kind { exited, killed };
  Kind kind = Kind::exited;
  int value = 0;  ///< exit code, or signal
  bool core_dumped = false;
  [[nodiscard]] bool success() const { return kind == Kind::exited && value == 0; }
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// "exit status 1" | "killed by signal 9 (Killed)".
std::string to_string(const ExitStatus& status);

/// Reaps a child that has ended; nothing while it lives. Does not block. For a process that is no
/// child of ours use `ended`. Throws SystemError (ECHILD).
std::optional<ExitStatus> reap(const Fd& pidfd);
/// Any process: has it ended (pidfd readable), waiting at most so long?
bool ended(const Fd& pidfd, std::chrono::milliseconds patience = std::chrono::milliseconds(0));
/// Blocks until the child ended, at most so long, and reaps it.
std::optional<ExitStatus> reap_within(const Fd& pidfd, std::chrono::milliseconds patience);

/// Why a process does not die: one line per thread that sleeps uninterruptibly, with the kernel
/// function it waits in, e.g. "thread 812 (CPU 0/KVM) is in state D in rq_qos_wait". Where none
/// does, the process's own state. "" when it is gone.
std::string stuck_report(Pid pid, const std::filesystem::path& root = "/");

}  // namespace kvmrt::launcher
