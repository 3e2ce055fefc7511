// SPDX-License-Identifier: MIT
#include "launcher/progress.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace kvmrt::launcher {
namespace {

/// A line that wraps could not be taken back.
std::size_t columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 79;
  return size.ws_col - 1U;
}

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  const bool can_clear = kind != nullptr && std::string_view(kind) != "dumb";
  return can_clear && ::isatty(STDOUT_FILENO) != 0;
}

}  // namespace

Progress::Progress() : terminal_(is_terminal()) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (!shown_) return;
  fmt::print("\r\033[K");
  std::fflush(stdout);
  shown_ = false;
}

void Progress::line(std::string_view text) {
  clear();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Progress::waiting_for(const std::vector<std::string>& vms) {
  if (!terminal_ || vms.empty()) return;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - since_);
  const std::string text =
      fmt::format("waiting for {} ({} s)", fmt::join(vms, ", "), seconds.count());
  // Back to its start, so that what a supervisor says begins there.
  fmt::print("\r\033[K{}\r", text.substr(0, columns()));
  std::fflush(stdout);
  shown_ = true;
}

}  // namespace kvmrt::launcher
