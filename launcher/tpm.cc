// SPDX-License-Identifier: MIT
#include "launcher/tpm.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "launcher/machine_firmware.h"
#include "launcher/machine_probe.h"
#include "launcher/spawn.h"

namespace kvmrt::launcher {
namespace {

namespace fs = std::filesystem;

constexpr auto kProgram = "swtpm";
constexpr int kChannel = 3;
constexpr std::chrono::seconds kPatience{2};

std::string name_of(const Confinement& confinement) {
  return confinement.user ? confinement.user->name : "the caller";
}

/// Only its user may read a TPM's secrets.
void make_state_folder(const fs::path& folder, const Confinement& confinement) {
  make_library_folder();
  const bool made = ::mkdir(folder.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) throw_errno("make", folder);
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) throw_errno("open", folder);
  const uid_t uid = confinement.user ? confinement.user->uid : ::geteuid();
  if (made && confinement.user && ::fchown(fd.get(), uid, confinement.user->gid) != 0)
    throw_errno("give away", folder);
  if (!made && facts.st_uid != uid)
    throw SystemError("use", folder, EPERM,
                      fmt::format("it belongs to user {}, and swtpm runs as {}; chown -R it",
                                  facts.st_uid, name_of(confinement)));
}

}  // namespace

fs::path tpm_state_of(const std::string& vm) { return library_folder() / (vm + ".tpm"); }

std::vector<std::string> tpm_command() {
  return {kProgram,
          "socket",
          "--tpm2",
          "--tpmstate",
          "dir=.,mode=0600",
          "--ctrl",
          fmt::format("type=unixio,clientfd={}", kChannel),
          "--terminate"};
}

Problems tpm_problems(const profiles::Profile& profile) {
  if (profile.tpm.empty()) return {};
  try {
    find_program(kProgram);
  } catch (const SystemError&) {
    return {{Severity::error,
             "tpm-not-found",
             profile.name,
             "tpm",
             "there is no program swtpm in PATH",
             "apt-get install swtpm",
             {}}};
  }
  return {};
}

partition::CpuSet tpm_cpus(const partition::VmPlan& plan) {
  return plan.rt ? plan.housekeeping_cpus : plan.emulator_cpus;
}

ProcessId start_tpm(const TpmStart& start) {
  const fs::path folder = tpm_state_of(start.vm);
  make_state_folder(folder, start.confinement);
  ChildSpec child;
  child.executable = find_program(kProgram);
  child.argv = tpm_command();
  child.environment = clean_environment();
  child.working_directory = folder;
  child.cpus = start.cpus;
  child.confinement = start.confinement;
  child.fds[kChannel] = start.channel;
  child.stdout_fd = start.log;
  child.stderr_fd = start.log;
  if (start.die_with_parent) child.die_with_parent = SIGKILL;
  child.before_exec = start.before_exec;
  return spawn(child).id;
}

void end_tpm(const ProcessId& tpm) {
  const auto pidfd = open_process(tpm);
  if (!pidfd) return;
  for (const int number : {0, SIGTERM, SIGKILL}) {
    if (number != 0) send_signal(*pidfd, number);
    if (ended(*pidfd, kPatience)) break;
  }
  try {
    reap(*pidfd);
  } catch (const SystemError& error) {
    if (error.error_number() != ECHILD) throw;  // adopted with its QEMU: init's child
  }
}

}  // namespace kvmrt::launcher
