// SPDX-License-Identifier: MIT
#include "launcher/log.h"

#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

struct State {
  std::string prefix = "kvmrt";
  bool verbose = false;
  bool journal = false;
};

State& state() {
  static State the_state;
  return the_state;
}

std::string_view journal_mark(Level level) {
  switch (level) {
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warning:
      return "<4>";
    case Level::error:
      return "<3>";
  }
  return "";
}

std::string_view word(Level level) {
  if (level == Level::warning) return "warning: ";
  if (level == Level::error) return "error: ";
  return "";
}

/// JOURNAL_STREAM names the journal's socket as "device:inode". It is inherited, by shells too, so
/// it says nothing of a standard error that is another file.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe)
  struct stat file {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &file) != 0) return false;
  return stream == fmt::format("{}:{}", file.st_dev, file.st_ino);
}

}  // namespace

void set_log(std::string_view prefix, bool verbose) {
  // Read once, before any thread: getenv is not safe beside setenv.
  state() = {std::string(prefix), verbose, stderr_is_journal()};
}

bool shown(Level level) { return level != Level::debug || state().verbose; }

void log(Level level, std::string_view text) {
  const State& s = state();
  if (!shown(level)) return;
  std::string line;
  if (s.journal) line += journal_mark(level);
  line.append(s.prefix).append(": ").append(word(level)).append(text).append("\n");
  // One write, so that lines of several supervisors on one terminal do not mix.
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace kvmrt::launcher
