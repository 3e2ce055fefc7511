// SPDX-License-Identifier: MIT
#include "launcher/machine_probe.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

/// What makes a file this very file: changes with every upgrade, even in place.
std::string identity(const fs::path& binary) {
  struct stat status {};
  if (::stat(binary.c_str(), &status) != 0) throw_errno("find", binary);
  const auto time = [](const timespec& at) {
    return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec);
  };
  return std::to_string(status.st_dev) + " " + std::to_string(status.st_ino) + " " +
         std::to_string(status.st_size) + " " + time(status.st_mtim) + " " + time(status.st_ctim) +
         " " + binary.string();
}

/// One line per binary: "MAJOR.MINOR identity".
constexpr auto kCacheName = "qemu-versions";
constexpr std::size_t kMaxEntries = 16;

std::string cached_lines(const fs::path& cache_folder) {
  try {
    return read_file_if_any(cache_folder / kCacheName, kib(64)).value_or("");
  } catch (const SystemError&) {
    return "";
  }
}

std::optional<QemuVersion> version_number(std::string_view text) {
  QemuVersion version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc{}) return std::nullopt;
  return version;
}

std::optional<QemuVersion> remembered(std::string_view lines, const std::string& file) {
  for (const std::string_view line : lines_of(lines)) {
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos && line.substr(blank + 1) == file)
      return version_number(line.substr(0, blank));
  }
  return std::nullopt;
}

/// Newest first; older entries of the same path, and those beyond the limit, are dropped.
void remember(const fs::path& cache_folder, const std::string& lines, const fs::path& binary,
              const std::string& file, QemuVersion version) {
  std::string text =
      std::to_string(version.major) + "." + std::to_string(version.minor) + " " + file + "\n";
  std::size_t entries = 1;
  for (const std::string_view line : lines_of(lines)) {
    if (line.ends_with(" " + binary.string()) || entries++ == kMaxEntries) continue;
    text.append(line).append("\n");
  }
  try {
    replace_file(cache_folder / kCacheName, text);
  } catch (const SystemError&) {
    // It is asked again at the next start.
  }
}

std::string output_of(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    if (text.size() < 4096) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Standard output of `binary --version`, its standard error dropped.
std::string ask(const fs::path& binary) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("make", "a pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string program = binary;
  std::string option = "--version";
  std::array<char*, 3> argv{program.data(), option.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, binary.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw SystemError("run", binary, error);
  writer.reset();
  std::string text = output_of(reader.get());
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return text;
}

bool executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

fs::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!executable(name)) throw SystemError("find", name, errno == 0 ? ENOENT : errno);
    return fs::canonical(name);
  }
  const char* const variable = ::getenv("PATH");
  const std::string path =
      variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : std::string(variable);
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const fs::path candidate = fs::path(path.substr(begin, end - begin)) / name;
    if (executable(candidate)) return fs::canonical(candidate);
    begin = end + 1;
  }
  throw SystemError("find", name + " in PATH", ENOENT,
                    "install qemu-system-x86, or name the program in qemu.binary");
}

std::optional<QemuVersion> parse_version(std::string_view text) {
  constexpr std::string_view kBefore = "version ";
  const std::size_t at = text.find(kBefore);
  if (!text.starts_with("QEMU") || at == std::string_view::npos) return std::nullopt;
  return version_number(text.substr(at + kBefore.size()));
}

QemuVersion probe_version(const fs::path& binary, const fs::path& cache_folder) {
  const std::string file = identity(binary);
  const std::string lines = cached_lines(cache_folder);
  if (const auto known = remembered(lines, file)) return *known;
  const auto version = parse_version(ask(binary));
  if (!version)
    throw SystemError("ask the version of", binary, ENOEXEC, "is this a QEMU system emulator?");
  remember(cache_folder, lines, binary, file, *version);
  return *version;
}

}  // namespace kvmrt::launcher
