// SPDX-License-Identifier: MIT
#include "launcher/accelerator.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"

namespace kvmrt::launcher {
namespace {

Problem problem(Severity severity, std::string code, std::string message, std::string hint) {
  Problem result;
  result.severity = severity;
  result.code = std::move(code);
  result.key = "qemu.accel";
  result.message = std::move(message);
  result.hint = std::move(hint);
  return result;
}

Problem not_usable(const AcceleratorFacts& facts) {
  if (!facts.node_present)
    return problem(Severity::error, "kvm-not-usable", "qemu.accel is kvm, but there is no /dev/kvm",
                   "load kvm_intel or kvm_amd, or set qemu.accel: tcg");
  const bool denied = facts.open_error == EACCES || facts.open_error == EPERM;
  return problem(Severity::error, "kvm-not-usable",
                 std::string("qemu.accel is kvm, but /dev/kvm cannot be opened for reading and "
                             "writing: ") +
                     std::strerror(facts.open_error),
                 denied ? "run as root, or join the group that owns /dev/kvm (usually kvm)"
                        : "set qemu.accel: tcg, or look for kvm in the kernel's log");
}

Problem emulating(const AcceleratorFacts& facts) {
  std::string reason = "there is no /dev/kvm";
  if (facts.node_present && !facts.hardware)
    reason = "no hardware is behind /dev/kvm (neither kvm_intel nor kvm_amd is loaded)";
  else if (facts.node_present)
    reason = std::string("/dev/kvm cannot be opened: ") + std::strerror(facts.open_error);
  return problem(Severity::warning, "no-kvm-hardware",
                 "software emulation (TCG) will run the guest: " + reason,
                 "set qemu.accel: kvm to insist on KVM, or tcg to say that this is meant");
}

}  // namespace

std::string to_string(Accelerator accelerator) {
  return accelerator == Accelerator::kvm ? "kvm" : "tcg";
}

AcceleratorFacts probe_accelerator(const std::filesystem::path& root) {
  AcceleratorFacts facts;
  std::error_code ignored;
  facts.hardware = std::filesystem::exists(root / "sys/module/kvm_intel", ignored) ||
                   std::filesystem::exists(root / "sys/module/kvm_amd", ignored);
  const std::filesystem::path node = root / "dev/kvm";
  struct stat status {};
  if (::stat(node.c_str(), &status) != 0) {
    facts.open_error = errno;
    return facts;
  }
  facts.node_present = true;
  facts.node_uid = status.st_uid;
  facts.node_gid = status.st_gid;
  facts.node_mode = status.st_mode & 07777U;
  const Fd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) facts.open_error = errno;
  return facts;
}

Checked<Accelerator> choose_accelerator(const std::string& wanted, const AcceleratorFacts& facts) {
  const bool usable = facts.node_present && facts.open_error == 0;
  if (wanted == "tcg") return Accelerator::tcg;
  if (wanted == "kvm") {
    if (!usable) return not_usable(facts);
    return Accelerator::kvm;
  }
  if (usable && facts.hardware) return Accelerator::kvm;
  return {Accelerator::tcg, {emulating(facts)}};
}

bool kvm_makes_recovery_thread(const std::filesystem::path& root) {
  const auto text = read_file_if_any(root / "sys/module/kvm/parameters/nx_huge_pages");
  return text && !text->starts_with("never");
}

bool kvm_open_to(const AcceleratorFacts& facts, uid_t uid, const std::vector<gid_t>& gids) {
  if (!facts.node_present) return false;
  const auto allows = [&](unsigned bits) { return (facts.node_mode & bits) == bits; };
  if (uid == 0) return true;
  if (uid == facts.node_uid) return allows(0600);
  if (std::find(gids.begin(), gids.end(), facts.node_gid) != gids.end()) return allows(0060);
  return allows(0006);
}

}  // namespace kvmrt::launcher
