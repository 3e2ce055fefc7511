// SPDX-License-Identifier: MIT
// QMP as text: bytes into lines, a line into what it is. Pure; knows no socket and no clock.
// Members that are not known are ignored, members that newer or older QEMUs leave out may be
// absent.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "qmp/types.h"

namespace kvmrt::qmp {

/// QEMU's longest own line is the reply to query-qmp-schema, 207 kB in 7.2.
inline constexpr std::size_t kLongestLine = std::size_t{16} << 20U;

/// Bytes as they come, any split; whole lines out, without their LF or CRLF, blank ones skipped.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t limit = kLongestLine) : limit_(limit) {}

  void feed(std::string_view bytes);

  /// The next whole line, valid until the next call; nothing when it has not come yet. Throws
  /// QmpError::protocol when a line, finished or not, is longer than the limit.
  std::optional<std::string_view> next();

  /// Bytes of an unfinished line are waiting: a message was cut off if the stream ends here.
  [[nodiscard]] bool mid_line() const { return begin_ < buffer_.size(); }

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the unfinished line
  std::size_t scanned_ = 0;  // no LF before here
};

struct ErrorReply {
  std::string error_class;  ///< "GenericError", "CommandNotFound", …
  std::string description;
};

// The linter takes the JSON value's move for one that may throw.
struct Reply {           // NOLINT(bugprone-exception-escape)
  nlohmann::json id;     ///< null: none came
  nlohmann::json value;  ///< of "return"
  std::optional<ErrorReply> error;
};

struct Event {  // NOLINT(bugprone-exception-escape)
  std::string name;
  nlohmann::json data;             ///< an object, {} when none came
  std::chrono::microseconds time;  ///< since 1970; not monotonic in the stream, 0 when absent

  /// Members of the data: "" and false when they are absent or of another type.
  [[nodiscard]] std::string text(const char* key) const;
  [[nodiscard]] bool flag(const char* key) const;
};

using Message = std::variant<Greeting, Reply, Event>;

/// Throws QmpError::protocol, with an excerpt, for what is no QMP message: not JSON, nested deeper
/// than 128, more than a million values, neither greeting, reply nor event.
Message parse_message(std::string_view line);

/// The JSON value of a text within the same limits; nothing when it is none.
std::optional<nlohmann::json> parse_bounded(std::string_view text);

/// The beginning of a foreign text, fit for an error message: printable, at most 120 characters.
std::string excerpt(std::string_view text);

}  // namespace kvmrt::qmp
