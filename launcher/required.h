// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "base/error.h"

namespace kvmrt::launcher {

/// The value, where a command cannot go on without it. Throws Refused with all that is wrong.
template <class T>
T required(Checked<T> checked) {
  if (!checked) throw Refused(checked.problems());
  return std::move(checked).value();
}

}  // namespace kvmrt::launcher
