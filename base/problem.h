// SPDX-License-Identifier: MIT
// An answer that may be "no": problems are values with a place, all of them at once.
// Anything that ends an operation half-way is a SystemError (base/error.h) instead.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kvmrt {

enum class Severity { error, warning };

/// Where in a file something stands. Line and column count from 1; 0: not known.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Problem {
  Severity severity = Severity::error;
  std::string code;     ///< stable kebab-case name, e.g. "rt-cpuset-overlap"
  std::string vm;       ///< "" when it is about no VM in particular
  std::string key;      ///< dotted profile key, e.g. "realtime.priority"; "" for none
  std::string message;  ///< what was found, what is allowed; lower case, no full stop
  std::string hint;     ///< at most one line that names a command, key or file; may be ""
  Place place;
  friend bool operator==(const Problem&, const Problem&) = default;
};

using Problems = std::vector<Problem>;

[[nodiscard]] bool has_error(const Problems& problems);

/// "file:line:column: error: vm: key: message [code]" and, if there is one, "\n  hint: …".
std::string to_string(const Problem& problem);

/// A value, or everything that is wrong with what it was to be made of. Warnings travel with
/// either.
template <class T>
class Checked {
 public:
  Checked(T value, Problems warnings = {})
      : value_(std::move(value)), problems_(std::move(warnings)) {}
  Checked(Problem problem) : problems_{std::move(problem)} {}
  Checked(Problems problems) : problems_(std::move(problems)) {}

  [[nodiscard]] bool ok() const { return value_.index() == 1; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Problems& problems() const { return problems_; }
  [[nodiscard]] const T& value() const& { return std::get<1>(value_); }
  [[nodiscard]] T& value() & { return std::get<1>(value_); }
  [[nodiscard]] T&& value() && { return std::get<1>(std::move(value_)); }
  const T* operator->() const { return &value(); }
  const T& operator*() const& { return value(); }

 private:
  std::variant<std::monostate, T> value_;
  Problems problems_;
};

}  // namespace kvmrt
