// SPDX-License-Identifier: MIT
// What ends an operation: a failed system call, with the act and the object's name; and the exit
// codes by which every command tells how it went.
#pragma once

#include <stdexcept>
#include <string>

#include "base/problem.h"

namespace kvmrt {

/// "act object: strerror(errno)", e.g. "write /proc/irq/31/smp_affinity_list: Input/output error".
class SystemError : public std::runtime_error {
 public:
  SystemError(std::string act, std::string object, int error_number, std::string hint = {});
  [[nodiscard]] int error_number() const { return error_number_; }
  [[nodiscard]] const std::string& act() const { return act_; }
  [[nodiscard]] const std::string& object() const { return object_; }
  [[nodiscard]] const std::string& hint() const { return hint_; }

 private:
  std::string act_;
  std::string object_;
  int error_number_;
  std::string hint_;
};

/// Throws SystemError with the present errno.
[[noreturn]] void throw_errno(std::string act, std::string object);

/// The profile, the plan or the host says no: exit 3. Thrown by commands only, from a Checked.
class Refused : public std::runtime_error {
 public:
  explicit Refused(Problems problems);
  [[nodiscard]] const Problems& problems() const { return problems_; }

 private:
  Problems problems_;
};

enum class ExitCode : int {
  done = 0,
  failed = 1,  ///< failed, host restored
  usage = 2,
  refused = 3,         ///< by profile, plan or host
  not_as_planned = 4,  ///< proof failed, drift, latency budget
  not_restored = 5,    ///< something could not be given back; listed
  guest_panicked = 10,
  guest_watchdog = 11,
  qemu_ended = 12,  ///< QEMU killed from outside, internal error, nonzero status
  storage_error = 13,
  guest_rebooted = 14,  ///< on_reboot: end
};

}  // namespace kvmrt
