// SPDX-License-Identifier: MIT
// A real QEMU, confined, placed and proven; what is asserted is what /proc says.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <memory>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "launcher/placement.h"
#include "launcher/proof.h"
#include "launcher/spawn.h"
#include "launcher/threads.h"
#include "tests/kvm_cpu.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using nlohmann::json;
using partition::CpuSet;
using partition::Policy;
using partition::ThreadClass;
using ::testing::IsEmpty;

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";

/// 64 KiB at the top of the address space; the CPU starts 16 bytes below its end. Spins with
/// interrupts off, as a busy real-time guest does.
std::string spinning_rom() {
  std::string rom(0x10000, '\0');
  rom.replace(0, 5, "\xfa\xf3\x90\xeb\xfc"s);       // cli; 1: pause; jmp 1b
  rom.replace(0xfff0, 5, "\xea\x00\x00\x00\xf0"s);  // ljmp $0xf000, $0
  return rom;
}

/// Talks QMP, one command at a time, blocking.
class Monitor {
 public:
  explicit Monitor(Fd fd) : fd_(std::move(fd)) {
    const timeval patience{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  bool greet() { return !line().empty() && !command("qmp_capabilities").is_null(); }
  json command(const std::string& name) {
    const std::string text = json{{"execute", name}}.dump();
    if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return {};
    while (true) {
      const std::string reply = line();
      if (reply.empty()) return {};
      json message = json::parse(reply);
      if (message.contains("return")) return message["return"];
    }
  }

 private:
  std::string line() {
    while (true) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string first = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return first;
      }
      std::array<char, 4096> part{};
      const ssize_t got = ::recv(fd_.get(), part.data(), part.size(), 0);
      if (got <= 0) return {};
      buffer_.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  Fd fd_;
  std::string buffer_;
};

/// A stopped QEMU with 64 MiB, its monitor on a socket pair. Killed with the test.
class StoppedQemu {
 public:
  StoppedQemu(const std::string& accelerator, Confinement confinement) {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    const Fd theirs(pair[1]);
    ChildSpec spec;
    spec.executable = kQemu;
    spec.argv = arguments(accelerator);
    spec.environment = clean_environment();
    spec.cpus = {0};
    spec.confinement = std::move(confinement);
    spec.fds = {{3, theirs.get()}};
    spec.die_with_parent = SIGKILL;
    child_ = spawn(spec);
    monitor_ = std::make_unique<Monitor>(Fd(pair[0]));
  }
  ~StoppedQemu() {
    send_signal(child_.pidfd, SIGKILL);
    reap_within(child_.pidfd, 10s);
  }
  StoppedQemu(const StoppedQemu&) = delete;
  StoppedQemu& operator=(const StoppedQemu&) = delete;

  [[nodiscard]] Pid pid() const { return child_.id.pid; }
  [[nodiscard]] Monitor& monitor() { return *monitor_; }

  [[nodiscard]] std::vector<ThreadFacts> facts() const {
    auto all = list_threads(pid());
    for (auto& helper : list_kernel_helpers(pid())) all.push_back(std::move(helper));
    return all;
  }
  /// Empty when QEMU's threads are not as they should be.
  std::vector<Thread> threads() {
    ReportedThreads reported;
    for (const json& cpu : monitor_->command("query-cpus-fast"))
      reported.vcpus.emplace_back(cpu["cpu-index"], Tid(cpu["thread-id"].get<int>()));
    for (const json& one : monitor_->command("query-iothreads"))
      reported.iothreads.emplace_back(one["id"], Tid(one["thread-id"].get<int>()));
    const auto found =
        classify(pid(), list_threads(pid()), list_kernel_helpers(pid()), reported, 1, {"io0"});
    for (const Problem& problem : found.problems()) ADD_FAILURE() << problem.message;
    return found.ok() ? *found : std::vector<Thread>();
  }

 private:
  std::vector<std::string> arguments(const std::string& accelerator) const {
    return {"qemu-system-x86_64",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-S",
            "-name",
            "test,debug-threads=on",
            "-machine",
            "pc",
            "-accel",
            accelerator,
            "-m",
            "64",
            "-smp",
            "1",
            "-cpu",
            accelerator == "kvm" ? test::kvm_cpu() : "qemu64",
            "-bios",
            folder_.write("spin.rom", spinning_rom()),
            "-object",
            "iothread,id=io0",
            "-overcommit",
            "mem-lock=on",
            "-chardev",
            "socket,id=m,fd=3",
            "-mon",
            "chardev=m,mode=control",
            "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"};
  }
  test::TemporaryFolder folder_;
  Child child_;
  std::unique_ptr<Monitor> monitor_;
};

partition::VmPlan small_board_plan() {
  partition::VmPlan plan;
  plan.rt = true;
  plan.cpuset = {1};
  plan.emulator_cpus = plan.housekeeping_cpus = {0};
  plan.owned_cpus = {1};
  plan.threads = {{ThreadClass::emulator, {}, "emulator", {0}, {}},
                  {ThreadClass::vcpu, 0, "vcpu0", {1}, {Policy::fifo, 1}},
                  {ThreadClass::iothread, {}, "io0", {0}, {}}};
  return plan;
}

const MemoryWish kLocked{true, mib(64), {0}};

std::vector<std::string> texts(const std::vector<Mismatch>& all) {
  std::vector<std::string> lines;
  for (const Mismatch& one : all) lines.push_back(to_string(one));
  return lines;
}

/// Which of them run with a real-time policy, or may run on CPU 1.
std::vector<std::string> disturbing(const StoppedQemu& qemu) {
  std::vector<std::string> names;
  for (const ThreadFacts& facts : qemu.facts())
    if (facts.policy != SCHED_OTHER || facts.cpus != CpuSet{0}) names.push_back(facts.comm);
  return names;
}

bool kvm_opens() { return !test::kvm_cpu().empty(); }

class PlacedQemu : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto own = own_capabilities().effective;
    if (::access(kQemu, X_OK) != 0) GTEST_SKIP() << "no " << kQemu;
    if (!own.has(CAP_SYS_NICE) || !own.has(CAP_IPC_LOCK)) GTEST_SKIP() << "needs root";
    if (::sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "needs CPUs 0 and 1";
  }
};

TEST_F(PlacedQemu, IsConfinedFromBirthAndProvenBeforeItRuns) {
  if (!kvm_opens()) GTEST_SKIP() << "no KVM";
  StoppedQemu qemu("kvm", confine(MemlockWay::keep_capability, {}, own_capabilities(), 0));
  ASSERT_TRUE(qemu.monitor().greet());
  EXPECT_THAT(list_threads(qemu.pid()), ::testing::SizeIs(::testing::Ge(4)));
  for (const ThreadFacts& facts : list_threads(qemu.pid())) EXPECT_EQ(facts.cpus, CpuSet{0});

  const auto settings = wanted(qemu.threads(), small_board_plan());
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)), ::testing::Not(IsEmpty()));
  apply(settings);
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)), IsEmpty());
  EXPECT_THAT(disturbing(qemu), ::testing::ElementsAre("CPU 0/KVM"));
  EXPECT_GE(memory_of(qemu.pid()).locked, mib(64));
}

TEST_F(PlacedQemu, IsSweptOfTheThreadThatKvmMakesInTheVcpusContext) {
  if (!kvm_opens()) GTEST_SKIP() << "no KVM";
  StoppedQemu qemu("kvm", confine(MemlockWay::keep_capability, {}, own_capabilities(), 0));
  ASSERT_TRUE(qemu.monitor().greet());
  apply(wanted(qemu.threads(), small_board_plan()));
  qemu.monitor().command("cont");
  std::this_thread::sleep_for(200ms);

  const auto settings = wanted(qemu.threads(), small_board_plan());
  const auto late = unmet(settings, qemu.facts());
  for (const ThreadSetting& setting : late)
    EXPECT_EQ(setting.thread_class, ThreadClass::helper) << setting.name;
  for (const ThreadFacts& facts : qemu.facts())
    if (facts.comm != "CPU 0/KVM") {
      EXPECT_EQ(facts.policy, SCHED_OTHER) << facts.comm;
    }
  apply(late);
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)), IsEmpty());
  EXPECT_THAT(disturbing(qemu), ::testing::ElementsAre("CPU 0/KVM"));
}

TEST_F(PlacedQemu, ShowsWhoWasMovedByAnotherHand) {
  if (!kvm_opens()) GTEST_SKIP() << "no KVM";
  StoppedQemu qemu("kvm", confine(MemlockWay::keep_capability, {}, own_capabilities(), 0));
  ASSERT_TRUE(qemu.monitor().greet());
  const auto settings = wanted(qemu.threads(), small_board_plan());
  apply(settings);
  const auto vcpu = std::ranges::find(settings, ThreadClass::vcpu, &ThreadSetting::thread_class);
  ASSERT_NE(vcpu, settings.end());
  cpu_set_t zero;
  CPU_ZERO(&zero);
  CPU_SET(0, &zero);
  ASSERT_EQ(::sched_setaffinity(vcpu->tid.value(), sizeof zero, &zero), 0);
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)),
              ::testing::ElementsAre(shown(*vcpu) + ": allowed CPUs: wanted 1, found 0"));
  apply(unmet(settings, qemu.facts()));
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)), IsEmpty());
}

TEST_F(PlacedQemu, LocksItsMemoryAsAnotherUserWithThatOneCapability) {
  const Credentials nobody{"nobody", 65534, 65534, {65534}};
  StoppedQemu qemu("tcg,thread=multi,tb-size=64",
                   confine(MemlockWay::keep_capability, nobody, own_capabilities(), 0));
  ASSERT_TRUE(qemu.monitor().greet());
  const auto settings = wanted(qemu.threads(), small_board_plan());
  apply(settings);
  EXPECT_THAT(texts(prove(qemu.pid(), settings, kLocked)), IsEmpty());
  EXPECT_THAT(disturbing(qemu), ::testing::ElementsAre("CPU 0/TCG"));
}

TEST_F(PlacedQemu, WhoseVcpusShareAThreadIsRefused) {
  StoppedQemu qemu("tcg,thread=single,tb-size=64",
                   confine(MemlockWay::keep_capability, {}, own_capabilities(), 0));
  ASSERT_TRUE(qemu.monitor().greet());
  const json cpus = qemu.monitor().command("query-cpus-fast");
  ASSERT_EQ(cpus.size(), 1U);
  const Tid shared(cpus[0]["thread-id"].get<int>());
  const ReportedThreads two{{{0, shared}, {1, shared}}, {}};
  EXPECT_FALSE(classify(qemu.pid(), list_threads(qemu.pid()), {}, two, 2).ok());
}

}  // namespace
}  // namespace kvmrt::launcher
