// SPDX-License-Identifier: MIT
// The one table of everything that a plan can be refused or warned for. Codes are stable names for
// machines; the help text stands in the manual.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/problem.h"

namespace kvmrt::partition {

struct Rule {
  std::string_view code;
  Severity severity;
  std::string_view help;  ///< why, in one or two sentences
};

std::span<const Rule> rules();
const Rule* find_rule(std::string_view code);

/// Gathers the problems of one VM. The code must stand in the table.
class Findings {
 public:
  explicit Findings(std::string vm) : vm_(std::move(vm)) {}
  void add(std::string_view code, std::string key, std::string message, std::string hint = {});
  /// The same with a severity of the caller's: a rule that is milder in some situation.
  void add_as(Severity severity, std::string_view code, std::string key, std::string message,
              std::string hint = {});
  [[nodiscard]] const std::string& vm() const { return vm_; }
  [[nodiscard]] Problems take() { return std::move(problems_); }

 private:
  std::string vm_;
  Problems problems_;
};

}  // namespace kvmrt::partition
