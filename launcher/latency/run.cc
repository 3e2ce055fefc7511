// SPDX-License-Identifier: MIT
#include "launcher/latency/run.h"

#include <array>
#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

namespace kvmrt::launcher::latency {
namespace {

Fd memory_file(const char* name) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw_errno("make", std::string("memory file ") + name);
  return fd;
}

Fd memory_file(const char* name, const std::string& text) {
  Fd fd = memory_file(name);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd.get(), text.data() + done, text.size() - done);
    if (wrote < 0) throw_errno("write", std::string("memory file ") + name);
    done += static_cast<std::size_t>(wrote);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string text_of(const Fd& fd) {
  constexpr std::size_t kLimit = 64U << 20U;
  std::string text;
  std::array<char, 65536> part{};
  while (text.size() < kLimit) {
    const ssize_t got =
        ::pread(fd.get(), part.data(), part.size(), static_cast<off_t>(text.size()));
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

Running::Running(const std::filesystem::path& program, std::vector<std::string> argv,
                 const partition::CpuSet& cpus, const std::string& folder, const std::string& input)
    : output_(memory_file("output")), errors_(memory_file("errors")) {
  const Fd in = memory_file("input", input);
  ChildSpec spec;
  spec.executable = program;
  spec.argv = std::move(argv);
  spec.environment = clean_environment();
  spec.working_directory = folder;
  spec.cpus = cpus;
  spec.stdin_fd = in.get();
  spec.stdout_fd = output_.get();
  spec.stderr_fd = errors_.get();
  spec.die_with_parent = SIGKILL;
  spec.confinement.no_new_privs = false;
  child_ = spawn(spec);
}

Running::~Running() {
  if (reaped_) return;
  // new_session: its process group is its own, stress-ng's workers are in it.
  ::kill(-child_.id.pid.value(), SIGTERM);
  if (!reap_within(child_.pidfd, std::chrono::seconds(2))) {
    ::kill(-child_.id.pid.value(), SIGKILL);
    reap_within(child_.pidfd, std::chrono::seconds(10));
  }
}

bool Running::over(std::chrono::milliseconds patience) const {
  return ended(child_.pidfd, patience);
}

void Running::interrupt() { send_signal(child_.pidfd, SIGINT); }

Ran Running::finish() {
  while (!over(std::chrono::seconds(1))) {
  }
  const auto status = reap(child_.pidfd);
  reaped_ = true;
  return {status.value_or(ExitStatus{}), text_of(output_), text_of(errors_)};
}

}  // namespace kvmrt::launcher::latency
