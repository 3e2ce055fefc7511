// SPDX-License-Identifier: MIT
// The fake behaves as it says, and the client gets along with every way in which it does not.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "qmp/commands.h"
#include "qmp/listen.h"
#include "qmp/message.h"
#include "qmp/task.h"

namespace kvmrt::qmp {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = QmpError::Kind;

/// A running fake, started as the launcher starts QEMU.
class Fake : public ::testing::Test {
 protected:
  Fake() {
    std::string name = "/tmp/kvmrt-fake-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~Fake() override {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    client.reset();
    std::filesystem::remove_all(folder);
  }

  void launch(const std::string& script, std::vector<std::string> more = {}) {
    MonitorSocket monitor = listen_and_connect(folder / "qmp.sock");
    std::vector<std::string> arguments{FAKE_QEMU,  "-S",
                                       "-name",    "vm,debug-threads=on",
                                       "-chardev", "socket,id=qmp,fd=9,server=on,wait=off",
                                       "-mon",     "chardev=qmp,mode=control"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    spawn(monitor.listening.get(), arguments, "KVMRT_FAKE_QEMU=" + script);
    client = std::make_unique<Client>(io, std::move(monitor.connected));
    client->on_event([this](const Event& event) { events.push_back(event.name); });
  }

  void spawn(int listening, std::vector<std::string>& arguments, std::string script) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<char*, 2> environment{script.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, listening, 9);
    const std::string log = folder / "stderr";
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_EQ(::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
  }

  /// Runs one command to its end; what it threw is in `error`.
  template <class T>
  T ask(awaitable<T> command) {
    T value{};
    run(take(std::move(command), value));
    return value;
  }
  void act(awaitable<void> command) { run(std::move(command)); }

  template <class T>
  static awaitable<void> take(awaitable<T> command, T& value) {
    value = co_await std::move(command);
  }

  void run(awaitable<void> task) {
    error.reset();
    bool ended = false;
    spawn_task(io, "command", mark(std::move(task), ended),
               [&](const std::string&, std::exception_ptr why) {
                 ended = true;
                 try {
                   std::rethrow_exception(why);
                 } catch (const QmpError& caught) {
                   error = caught;
                 }
               });
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    io.restart();
    while (!ended && std::chrono::steady_clock::now() < until) io.run_one_for(milliseconds(100));
    ASSERT_TRUE(ended);
  }
  static awaitable<void> mark(awaitable<void> task, bool& ended) {
    co_await std::move(task);
    ended = true;
  }

  void greet(milliseconds deadline = milliseconds(5000)) { ask(client->negotiate(deadline)); }

  /// Runs until it holds, or for ten seconds.
  void run_until(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    io.restart();
    while (!holds() && std::chrono::steady_clock::now() < until) io.run_one_for(milliseconds(20));
  }
  void run_until_events(std::size_t count) {
    run_until([&] { return events.size() >= count; });
  }

  /// As the kernel tells it; reads the monitor to its end before.
  int wait_status() {
    run_until([&] { return client->closed(); });
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    pid = -1;
    return status;
  }

  [[nodiscard]] std::string comm(int tid) const {
    return std::string(trimmed(
        read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/comm")));
  }
  [[nodiscard]] std::vector<std::string> comms() const {
    std::vector<std::string> names;
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& entry : std::filesystem::directory_iterator(tasks))
      names.emplace_back(trimmed(read_file(entry.path() / "comm")));
    return names;
  }

  std::filesystem::path folder;
  pid_t pid = -1;
  boost::asio::io_context io{1};
  std::unique_ptr<Client> client;
  std::vector<std::string> events;
  std::optional<QmpError> error;
};

TEST_F(Fake, HasTheThreadsThatItsArgvAsksFor) {
  launch("", {"-smp", "2,sockets=1,cores=2,threads=1,maxcpus=3", "-object", "iothread,id=io0",
              "-accel", "kvm"});
  greet();
  const auto vcpus = ask(query_cpus_fast(*client));
  ASSERT_EQ(vcpus.size(), 2);
  EXPECT_EQ(comm(vcpus[1].tid.value()), "CPU 1/KVM");
  const auto iothreads = ask(query_iothreads(*client));
  ASSERT_EQ(iothreads.size(), 1);
  EXPECT_EQ(comm(iothreads[0].tid.value()), "IO io0");
  EXPECT_TRUE(ask(query_kvm(*client)).enabled);
  EXPECT_EQ(ask(query_status(*client)).status, "prelaunch");
  EXPECT_EQ(ask(query_version(*client)).major, 7);
}

TEST_F(Fake, RunsAndStopsAsQemuDoes) {
  launch("");
  greet();
  act(cont(*client));
  EXPECT_TRUE(ask(query_status(*client)).running);
  act(stop(*client));
  EXPECT_EQ(ask(query_status(*client)).status, "paused");
  EXPECT_THAT(events, ElementsAre("RESUME", "STOP"));
  act(quit(*client));
  EXPECT_EQ(wait_status(), 0);
  EXPECT_EQ(events.back(), "SHUTDOWN");
  EXPECT_FALSE(std::filesystem::exists(folder / "qmp.sock"));
}

TEST_F(Fake, MakesTheRecoveryThreadInTheContextOfAVcpu) {
  launch("", {"-accel", "kvm"});
  greet();
  EXPECT_THAT(comms(), ::testing::Not(::testing::Contains("kvm-nx-lpage-re")));
  act(cont(*client));
  EXPECT_THAT(comms(), ::testing::Contains("kvm-nx-lpage-re"));
}

TEST_F(Fake, CountsItsMemoryAsLocked) {
  launch("", {"-m", "64M", "-overcommit", "mem-lock=on"});
  greet();
  if (error) GTEST_SKIP() << "this machine does not let us lock memory";
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  EXPECT_THAT(status, HasSubstr("VmLck:\t   65536 kB"));
}

TEST_F(Fake, AddsAVcpuToAFreePlace) {
  launch("", {"-smp", "1,maxcpus=2"});
  greet();
  const auto places = ask(query_hotpluggable_cpus(*client));
  ASSERT_EQ(places.size(), 2);
  EXPECT_EQ(places[0].qom_path, "");
  act(device_add(*client, places[0].type, "c1", places[0].props));
  EXPECT_EQ(ask(query_cpus_fast(*client)).size(), 2);
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(Fake, DiesInInitWithItsMessage) {
  launch("die-in-init:-device nope: invalid");
  greet();
  EXPECT_EQ(error->kind(), Kind::closed);
  const int status = wait_status();
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(read_file(folder / "stderr"), "qemu-system-x86_64: -device nope: invalid\n");
}

TEST_F(Fake, NeverGreetsAndIsKilledBySigterm) {
  launch("never-greet");
  greet(milliseconds(100));
  EXPECT_EQ(error->kind(), Kind::timeout);
  ::kill(pid, SIGTERM);
  EXPECT_EQ(WTERMSIG(wait_status()), SIGTERM);
}

TEST_F(Fake, GreetsLate) {
  launch("slow-greeting=300");
  greet();
  EXPECT_FALSE(error);
}

TEST_F(Fake, IsSilentAfterTheGreeting) {
  launch("silent-after-greeting");
  greet(milliseconds(300));
  EXPECT_EQ(error->kind(), Kind::timeout);
  EXPECT_THAT(error->what(), HasSubstr("qmp_capabilities"));
}

TEST_F(Fake, GreetsWithGarbage) {
  launch("garbage-greeting");
  greet();
  EXPECT_EQ(error->kind(), Kind::protocol);
}

TEST_F(Fake, EndsOnSigtermAndSaysWhoSentIt) {
  launch("");
  greet();
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_status(), 0);
  EXPECT_THAT(events, ElementsAre("SHUTDOWN"));
  EXPECT_THAT(read_file(folder / "stderr"), HasSubstr("terminating on signal 15 from pid"));
}

TEST_F(Fake, IgnoresSigtermAndQuitWhenTold) {
  launch("ignore-term;ignore-quit");
  greet();
  ::kill(pid, SIGTERM);
  act(quit(*client));
  EXPECT_EQ(ask(query_status(*client)).status, "prelaunch");
}

TEST_F(Fake, LiesAboutItsVcpus) {
  launch("short-cpu-list;duplicate-tids", {"-smp", "3"});
  greet();
  const auto vcpus = ask(query_cpus_fast(*client));
  ASSERT_EQ(vcpus.size(), 2);
  EXPECT_EQ(vcpus[0].tid, vcpus[1].tid);
}

TEST_F(Fake, TellsThreadsOfAnotherProcess) {
  launch("foreign-tids=1");
  greet();
  EXPECT_EQ(ask(query_cpus_fast(*client))[0].tid, Tid(1));
}

TEST_F(Fake, DiesInTheMiddleOfALine) {
  launch("eof-mid-line");
  greet();
  ask(query_cpus_fast(*client));
  EXPECT_EQ(error->kind(), Kind::closed);
  EXPECT_THAT(error->what(), HasSubstr("in the middle of a message"));
  EXPECT_EQ(WEXITSTATUS(wait_status()), 1);
}

TEST_F(Fake, AnswersWithALineWithoutEnd) {
  launch("endless-line");
  greet();
  ask(query_status(*client));
  EXPECT_EQ(error->kind(), Kind::protocol);
}

TEST_F(Fake, LosesTheReplyToCont) {
  launch("lose-cont-reply");
  greet();
  act(cont(*client));
  EXPECT_EQ(error->kind(), Kind::closed);
  EXPECT_THAT(events, ElementsAre("RESUME"));
  EXPECT_EQ(wait_status(), 0);
}

TEST_F(Fake, RefusesACommandWhenTold) {
  launch("refuse=cont");
  greet();
  act(cont(*client));
  EXPECT_EQ(error->kind(), Kind::refused);
}

TEST_F(Fake, PausesAtEveryEndWhenItsActionsSaySo) {
  launch("events=panic,poweroff",
         {"-action", "panic=pause,reboot=shutdown,shutdown=pause,watchdog=pause"});
  greet();
  act(cont(*client));
  run_until_events(3);
  EXPECT_EQ(ask(query_status(*client)).status, "guest-panicked");
  act(cont(*client));
  EXPECT_EQ(error->kind(), Kind::refused);
  act(set_action(*client, Actions{.panic = {}, .reboot = "reset", .shutdown = {}, .watchdog = {}}));
  act(system_reset(*client));
  act(cont(*client));
  run_until_events(7);
  EXPECT_EQ(ask(query_status(*client)).status, "shutdown");
  EXPECT_THAT(events, ElementsAre("RESUME", "GUEST_PANICKED", "STOP", "RESET", "RESUME", "SHUTDOWN",
                                  "STOP"));
}

TEST_F(Fake, EndsByItsDefaultActions) {
  launch("events=reboot,watchdog,poweroff");
  greet();
  act(cont(*client));
  EXPECT_EQ(wait_status(), 0);
  EXPECT_THAT(events, ElementsAre("RESUME", "RESET", "WATCHDOG", "RESET", "SHUTDOWN"));
}

TEST_F(Fake, ExitsWithACodeAfterCont) {
  launch("exit-code=11-after-cont");
  greet();
  act(cont(*client));
  EXPECT_EQ(WEXITSTATUS(wait_status()), 11);
}

TEST_F(Fake, CrashesAfterAWait) {
  launch("wait=50;kill-self");
  greet();
  act(cont(*client));
  EXPECT_FALSE(error);
  EXPECT_EQ(WTERMSIG(wait_status()), SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(folder / "qmp.sock"));
}

TEST_F(Fake, FloodsWithEvents) {
  launch("event-flood=5000;raw-event=WATCHDOG {\"action\": \"none\"}");
  greet();
  act(cont(*client));
  run_until_events(5002);
  EXPECT_EQ(events.size(), 5002);
  EXPECT_EQ(events.back(), "WATCHDOG");
}

TEST_F(Fake, PowersOffWhenTheButtonIsPressed) {
  launch("slow-powerdown=50");
  greet();
  act(cont(*client));
  act(system_powerdown(*client));
  EXPECT_EQ(wait_status(), 0);
  EXPECT_THAT(events, ElementsAre("RESUME", "POWERDOWN", "SHUTDOWN"));
}

TEST_F(Fake, MakesThreadsLate) {
  launch("late-thread;late-vcpu-thread=odd;raw-event=DONE", {"-smp", "1"});
  greet();
  act(cont(*client));
  run_until_events(2);
  EXPECT_THAT(comms(), ::testing::IsSupersetOf({"worker", "odd"}));
}

TEST_F(Fake, RefusesAScriptThatItDoesNotKnow) {
  launch("dance");
  greet();
  EXPECT_EQ(WEXITSTATUS(wait_status()), 1);
  EXPECT_THAT(read_file(folder / "stderr"), HasSubstr("no step 'dance'"));
}

}  // namespace
}  // namespace kvmrt::qmp
