// SPDX-License-Identifier: MIT
// Does a real QEMU accept what the golden files say? Each line is started stopped, asked for its
// state, and told to quit.
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "launcher/machine_firmware.h"
#include "launcher/machine_probe.h"
#include "tests/golden/command_line_cases.h"
#include "tests/golden/qemu_process.h"
#include "tests/kvm_cpu.h"

namespace kvmrt::golden {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> qemu() {
  try {
    return launcher::find_program("qemu-system-x86_64");
  } catch (const SystemError&) {
    return std::nullopt;
  }
}

/// KVMRT_TEST_ROOT: where a package was unpacked that is not installed.
std::optional<launcher::UefiFirmware> uefi() {
  const char* const root = std::getenv("KVMRT_TEST_ROOT");
  return launcher::find_uefi(root == nullptr ? "/" : root);
}

int free_hugepages() {
  const auto text = read_file_if_any("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  return std::atoi(text.value_or("0").c_str());
}

std::string missing(const Case& one) {
  if (!qemu()) return "no qemu-system-x86_64 here";
  const bool kvm = one.around.accelerator == Accelerator::kvm;
  if (kvm && test::kvm_cpu().empty()) return "no KVM that QEMU starts with (tests/kvm-cpu)";
  switch (one.needs) {
    case Needs::nothing:
      return "";
    case Needs::hugepages:
      return free_hugepages() >= 32 ? "" : "fewer than 32 free huge pages";
    case Needs::tap:
      return ::access("/dev/net/tun", R_OK | W_OK) == 0 ? "" : "no /dev/net/tun";
    case Needs::vhost_net:
      return ::access("/dev/vhost-net", R_OK | W_OK) == 0 ? "" : "no vhost-net";
    case Needs::peer:
      return "needs a program at the other end";
    case Needs::spice:
      return fs::exists("/usr/lib/x86_64-linux-gnu/qemu/ui-spice-core.so") ? "" : "no SPICE module";
    case Needs::vfio:
      return "needs a PCI device to give away";
    case Needs::ovmf:
      return uefi() ? "" : "no OVMF";
    case Needs::boot_rom:
      return fs::exists("/usr/lib/ipxe/qemu/efi-virtio.rom") ? "" : "no network boot ROMs";
  }
  return "";
}

/// The unlimited limit that memory locking needs, or CAP_IPC_LOCK.
bool may_lock(const Case& one) { return !one.profile.rt_memory || ::geteuid() == 0; }

/// What QEMU wrote to standard error, without what is expected there: the name of a pty, and that
/// AMD CPUs of some families show no threads to the guest.
std::string complaints(const fs::path& log) {
  std::string text;
  const std::string all = read_file(log);
  for (const std::string_view line : lines_of(all)) {
    if (line.starts_with("char device redirected to /dev/pts/")) continue;
    if (line.find("hyperthreading") != std::string_view::npos) continue;
    if (line.starts_with("Please configure -smp options properly")) continue;
    text.append(line).append("\n");
  }
  return text;
}

/// The same case with its paths under a real folder, for the QEMU that is here.
Case real(const std::string& name, const fs::path& folder) {
  Case one;
  for (Case& candidate : all_cases(folder))
    if (candidate.name == name) one = std::move(candidate);
  one.around.binary = *qemu();
  one.around.qemu = launcher::probe_version(*qemu(), folder);
  if (one.needs == Needs::ovmf) {
    one.around.uefi_code = uefi()->code;
    launcher::make_variable_store(*uefi(), one.around.uefi_vars);
  }
  return one;
}

class RealQemu : public testing::TestWithParam<Case> {
 protected:
  static CaseFolder& folder() {
    static CaseFolder only;
    return only;
  }
};

TEST_P(RealQemu, AcceptsTheLineAndStandsStopped) {
  if (const std::string reason = missing(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
  if (!may_lock(GetParam())) GTEST_SKIP() << "memory cannot be locked without root";
  const Case one = real(GetParam().name, folder().path());
  const fs::path log = folder().path() / "stderr";
  launcher::QemuInvocation invocation = command_line(one.profile, one.plan, one.around);
  test::suit_to_kvm(invocation.argv);
  QemuProcess process(invocation, log);
  ASSERT_NE(process.greeting(), "") << read_file(log);
  EXPECT_EQ(process.execute("qmp_capabilities"), "{\"return\": {}}\r");
  EXPECT_NE(process.execute("query-status").find("\"prelaunch\""), std::string::npos);
  const int status = process.quit();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(complaints(log), "");
}

INSTANTIATE_TEST_SUITE_P(Feature, RealQemu, testing::ValuesIn(all_cases("/vm")),
                         [](const auto& test) { return identifier(test.param.name); });

}  // namespace
}  // namespace kvmrt::golden
