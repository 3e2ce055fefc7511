// SPDX-License-Identifier: MIT
// What QEMU's monitor answers with "error", or that it no longer answers at all.
#pragma once

#include <stdexcept>
#include <string>

namespace kvmrt::qmp {

class QmpError : public std::runtime_error {
 public:
  enum class Kind {
    refused,   ///< QEMU answered the command with an error
    closed,    ///< the connection ended (EOF, ECONNRESET, EPIPE or close()); says nothing of QEMU
    timeout,   ///< no reply in time; QEMU may be alive and may still do what it was told
    protocol,  ///< what came is not QMP, or a command could not be sent; the connection is given up
  };
  QmpError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  QmpError(std::string error_class, const std::string& message)
      : std::runtime_error(message), kind_(Kind::refused), error_class_(std::move(error_class)) {}
  [[nodiscard]] Kind kind() const { return kind_; }

  /// QEMU's class of a refusal, nearly always "GenericError"; "" for the other kinds.
  [[nodiscard]] const std::string& error_class() const { return error_class_; }

 private:
  Kind kind_;
  std::string error_class_;
};

}  // namespace kvmrt::qmp
