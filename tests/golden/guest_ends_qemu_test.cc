// SPDX-License-Identifier: MIT
// Is what launcher/command_line_ends.h says of QEMU true? Guests of a few instructions end in each
// way, under KVM where it opens and under TCG.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/golden/command_line_cases.h"
#include "tests/golden/qemu_process.h"
#include "tests/kvm_cpu.h"

namespace kvmrt::golden {
namespace {

using namespace std::string_literals;

/// A BIOS of 64 KiB: the reset vector at its end jumps to `code`, after which the CPU halts.
std::string rom(const std::string& code) {
  std::string image = "\xfa"s + code + "\xf4\xeb\xfd";  // cli; …; 1: hlt; jmp 1b
  image.resize(0x10000, '\0');
  return image.replace(0xfff0, 5, "\xea\x00\x00\x00\xf0"s);  // ljmp $0xf000, $0
}

/// outb $0xfe, $0x64: the keyboard controller pulls the reset line.
std::string reset() { return "\xb0\xfe\xe6\x64"s; }

/// outb $1, $0x505: pvpanic's bit for a panic.
std::string panic() { return "\xb0\x01\xba\x05\x05\xee"s; }

/// Gives ICH9's power management its ports (0x600), then asks for S5 there.
std::string power_off() {
  const std::string address = "\xba\xf8\x0c\x66\xb8"s;  // mov $0xcf8, %dx; mov $…, %eax
  const std::string data = "\x66\xef\xba\xfc\x0c"s;     // out %eax, %dx; mov $0xcfc, %dx
  return address + "\x40\xf8\x00\x80"s + data +         // 00:1f.0 register 0x40: PMBASE
         "\x66\xb8\x01\x06\x00\x00\x66\xef"s +          // = 0x601
         address + "\x44\xf8\x00\x80"s + data +         // register 0x44: ACPI_CNTL
         "\xb0\x80\xee"s +                              // = enabled
         "\xba\x04\x06\xb8\x00\x20\xef"s;               // outw $0x2000, $0x604: PM1_CNT
}

/// i6300esb at 00:01.0: both stages by the fast clock (about a second each), then enabled.
std::string watchdog() {
  const std::string address = "\xba\xf8\x0c\x66\xb8"s;
  const std::string data = "\x66\xef\xba\xfc\x0c"s;
  return address + "\x60\x08\x00\x80"s + data + "\xb8\x07\x00\xef"s +  // configuration = 7
         address + "\x68\x08\x00\x80"s + data + "\xb0\x02\xee"s;       // lock register = 2
}

class GuestEnds : public testing::TestWithParam<Accelerator> {
 protected:
  void SetUp() override {
    const bool kvm = GetParam() == Accelerator::kvm;
    if (kvm && test::kvm_cpu().empty()) GTEST_SKIP() << "no KVM that QEMU starts with";
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "no QEMU here";
  }

  /// Runs the guest until it stops, which the event says.
  std::unique_ptr<QemuProcess> run(const std::string& code) {
    std::ofstream(folder_.path() / "rom") << rom(code);
    const Case one = make_case(folder_.path(), "end", [&](Case& edited) {
      edited.around.accelerator = GetParam();
      edited.profile.boot.firmware = folder_.path() / "rom";
      edited.profile.watchdog = "i6300esb";
    });
    launcher::QemuInvocation invocation = command_line(one.profile, one.plan, one.around);
    test::suit_to_kvm(invocation.argv);
    auto process = std::make_unique<QemuProcess>(invocation, folder_.path() / "stderr");
    process->greeting();
    process->execute("qmp_capabilities");
    process->execute("cont");
    return process;
  }

  static std::string status(QemuProcess& process) {
    const std::string answer = process.execute("query-status");
    const std::size_t at = answer.find("\"status\": \"") + 11;
    return answer.substr(at, answer.find('"', at) - at);
  }

  /// What the supervisor does for `restart`.
  static void restart(QemuProcess& process) {
    process.execute("set-action", R"({"reboot": "reset"})");
    EXPECT_EQ(process.execute("system_reset"), "{\"return\": {}}\r");
    process.execute("set-action", R"({"reboot": "shutdown"})");
    EXPECT_EQ(status(process), "prelaunch");
    EXPECT_EQ(process.execute("cont"), "{\"return\": {}}\r");
  }

  static void expect_clean_quit(QemuProcess& process) {
    const int result = process.quit();
    EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0) << result;
  }

  CaseFolder folder_;
};

TEST_P(GuestEnds, PowerOffTellsItsReasonAndWaits) {
  const auto process = run(power_off());
  EXPECT_NE(process->await_event("SHUTDOWN").find("\"reason\": \"guest-shutdown\""),
            std::string::npos);
  EXPECT_NE(process->await_event("STOP"), "");
  EXPECT_EQ(status(*process), "shutdown");
  expect_clean_quit(*process);
}

TEST_P(GuestEnds, AResetGuestStandsStillUntilItIsRestarted) {
  const auto process = run(reset());
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(process->await_event("SHUTDOWN").find("\"reason\": \"guest-reset\""),
              std::string::npos);
    EXPECT_NE(process->await_event("STOP"), "");
    EXPECT_EQ(status(*process), "shutdown");
    restart(*process);
  }
  expect_clean_quit(*process);
}

TEST_P(GuestEnds, APanickedGuestStandsStillUntilItIsRestarted) {
  const auto process = run(panic());
  for (int round = 0; round < 2; ++round) {
    EXPECT_NE(process->await_event("GUEST_PANICKED").find("\"action\": \"pause\""),
              std::string::npos);
    EXPECT_NE(process->await_event("STOP"), "");
    EXPECT_EQ(status(*process), "guest-panicked");
    restart(*process);
  }
  expect_clean_quit(*process);
}

TEST_P(GuestEnds, AGuestWhoseWatchdogFiredStandsStill) {
  const auto process = run(watchdog());
  EXPECT_NE(process->await_event("WATCHDOG").find("\"action\": \"pause\""), std::string::npos);
  EXPECT_NE(process->await_event("STOP"), "");
  EXPECT_EQ(status(*process), "watchdog");
  restart(*process);
  expect_clean_quit(*process);
}

TEST_P(GuestEnds, AnOutsidersTermSignalEndsQemuInSpiteOfThePause) {
  const auto process = run("");
  ASSERT_EQ(status(*process), "running");
  ::kill(process->pid(), SIGTERM);
  EXPECT_NE(process->await_event("SHUTDOWN").find("\"reason\": \"host-signal\""),
            std::string::npos);
  expect_clean_quit(*process);
}

INSTANTIATE_TEST_SUITE_P(By, GuestEnds, testing::Values(Accelerator::kvm, Accelerator::tcg),
                         [](const auto& test) { return to_string(test.param); });

}  // namespace
}  // namespace kvmrt::golden
