// SPDX-License-Identifier: MIT
#include "launcher/unit.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

pid_t run_systemctl(const char* verb, const std::string& unit) {
  std::string tool = "systemctl";
  std::string action = verb;
  std::string name = unit;
  std::array<char*, 4> argv{tool.data(), action.data(), name.data(), nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, "systemctl", nullptr, nullptr, argv.data(), environ);
  if (failed != 0) throw SystemError("run", "systemctl", failed);
  return child;
}

int wait_code(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::failed);
}

}  // namespace

bool is_installed_folder(const std::string& config) {
  std::error_code ignored;
  return std::filesystem::weakly_canonical(config, ignored) == std::filesystem::path("/etc/kvmrt");
}

bool by_systemd(const std::string& config) {
  std::error_code ignored;
  if (!std::filesystem::exists("/run/systemd/system", ignored)) return false;
  const bool same = is_installed_folder(config);
  for (const char* folder :
       {"/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"}) {
    if (same && std::filesystem::exists(std::string(folder) + "kvmrt@.service", ignored))
      return true;
  }
  return false;
}

std::string unit_of(const std::string& vm) { return "kvmrt@" + vm + ".service"; }

bool is_of_unit(Pid supervisor, const std::string& vm) {
  const auto cgroups = read_file_if_any("/proc/" + to_string(supervisor) + "/cgroup").value_or("");
  return cgroups.find("/" + unit_of(vm) + "\n") != std::string::npos;
}

UnitJob::UnitJob(const char* verb, const std::string& vm)
    : child_(run_systemctl(verb, unit_of(vm))) {
  ended_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
  if (!ended_) throw_errno("watch", "systemctl");
}

int UnitJob::outcome() { return wait_code(child_); }

}  // namespace kvmrt::launcher
