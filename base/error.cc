// SPDX-License-Identifier: MIT
#include "base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace kvmrt {

SystemError::SystemError(std::string act, std::string object, int error_number, std::string hint)
    : std::runtime_error(act + (object.empty() ? "" : " " + object) + ": " +
                         std::generic_category().message(error_number)),
      act_(std::move(act)),
      object_(std::move(object)),
      error_number_(error_number),
      hint_(std::move(hint)) {}

void throw_errno(std::string act, std::string object) {
  throw SystemError(std::move(act), std::move(object), errno);
}

Refused::Refused(Problems problems)
    : std::runtime_error(problems.empty() ? "refused" : to_string(problems.front())),
      problems_(std::move(problems)) {}

}  // namespace kvmrt
