// SPDX-License-Identifier: MIT
#include "base/problem.h"

#include <algorithm>

namespace kvmrt {

bool has_error(const Problems& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& p) { return p.severity == Severity::error; });
}

std::string to_string(const Problem& problem) {
  std::string text;
  if (!problem.place.file.empty()) {
    text = problem.place.file + ":";
    if (problem.place.line > 0)
      text += std::to_string(problem.place.line) + ":" + std::to_string(problem.place.column) + ":";
    text += " ";
  }
  text += problem.severity == Severity::error ? "error: " : "warning: ";
  if (!problem.vm.empty()) text += problem.vm + ": ";
  if (!problem.key.empty()) text += problem.key + ": ";
  text += problem.message;
  if (!problem.code.empty()) text += " [" + problem.code + "]";
  if (!problem.hint.empty()) text += "\n  hint: " + problem.hint;
  return text;
}

}  // namespace kvmrt
