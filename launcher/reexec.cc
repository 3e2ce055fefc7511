// SPDX-License-Identifier: MIT
#include "launcher/reexec.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <string_view>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/spawn.h"

namespace kvmrt::launcher {
namespace {

constexpr const char* kVariable = "KVMRT_INHERITED";  // "PID LOCK CONSOLE VM"
constexpr std::chrono::seconds kTrialLimit{10};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A descriptor that is really there, closed at the next exec again.
Fd taken(int fd) {
  if (fd < 3 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return {};
  return Fd(fd);
}

/// Exit codes 0 and 3 come from a program that runs and has understood its arguments: the plan of a
/// VM that runs already may well be refused.
std::string trial(const std::vector<std::string>& arguments) {
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ChildSpec spec;
  spec.executable = program_path();
  spec.argv = {"kvmrt"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.argv.emplace_back("--dry-run");
  spec.environment = clean_environment();
  spec.stdout_fd = spec.stderr_fd = nothing.get();
  const Child child = spawn(spec);
  const auto status = reap_within(child.pidfd, kTrialLimit);
  if (!status) {
    send_signal(child.pidfd, SIGKILL);
    reap_within(child.pidfd, kTrialLimit);
    return fmt::format("{} does not come to an end", program_path());
  }
  const bool understood =
      status->kind == ExitStatus::Kind::exited && (status->value == 0 || status->value == 3);
  return understood ? "" : fmt::format("{}: {}", program_path(), to_string(*status));
}

void keep_open(const Fd& fd, bool open) {
  if (fd) ::fcntl(fd.get(), F_SETFD, open ? 0 : FD_CLOEXEC);
}

}  // namespace

std::optional<Inheritance> take_inheritance() {
  const char* given = std::getenv(kVariable);  // NOLINT(concurrency-mt-unsafe): one thread
  if (given == nullptr) return std::nullopt;
  const std::string text = given;
  ::unsetenv(kVariable);  // NOLINT(concurrency-mt-unsafe)
  const auto fields = fields_of(text);
  if (fields.size() != 4 || number(fields[0]) != ::getpid()) return std::nullopt;
  Inheritance left;
  left.vm = fields[3];
  left.lock = taken(number(fields[1]).value_or(-1));
  left.console = taken(number(fields[2]).value_or(-1));
  return left;
}

const std::vector<int>& supervisor_signals() {
  static const std::vector<int> all{SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR2};
  return all;
}

namespace {

void mask_signals(int how) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : supervisor_signals()) ::sigaddset(&set, number);
  ::pthread_sigmask(how, &set, nullptr);
}

}  // namespace

void hold_signals_back() { mask_signals(SIG_BLOCK); }

void let_signals_through() { mask_signals(SIG_UNBLOCK); }

const std::string& program_path() {
  static const std::string path = [] {
    std::error_code unknown;
    return std::filesystem::read_symlink("/proc/self/exe", unknown).string();
  }();
  return path;
}

std::string reexec(const std::vector<std::string>& arguments, const Inheritance& left) {
  try {
    if (std::string why = trial(arguments); !why.empty()) return why;
  } catch (const SystemError& error) {
    return error.what();
  }
  std::vector<std::string> texts{"kvmrt"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  const std::string handed =
      fmt::format("{} {} {} {}", ::getpid(), left.lock.get(), left.console.get(), left.vm);
  hold_signals_back();
  keep_open(left.lock, true);
  keep_open(left.console, true);
  ::setenv(kVariable, handed.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  ::execv(program_path().c_str(), argv.data());
  const int error = errno;
  ::unsetenv(kVariable);  // NOLINT(concurrency-mt-unsafe)
  keep_open(left.lock, false);
  keep_open(left.console, false);
  let_signals_through();
  return fmt::format("execute {}: {}", program_path(), std::strerror(error));  // NOLINT
}

}  // namespace kvmrt::launcher
