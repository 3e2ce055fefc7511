// SPDX-License-Identifier: MIT
// What QEMU's monitor answers with "error", or that it no longer answers at all.
#pragma once

#include <stdexcept>
#include <string>

namespace kvmrt::qmp {

class QmpError : public std::runtime_error {
 public:
  enum class Kind { refused, closed, timeout, protocol };
  QmpError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

}  // namespace kvmrt::qmp
