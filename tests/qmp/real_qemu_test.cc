// SPDX-License-Identifier: MIT
// The client and the inherited socket against a real QEMU without a guest, stopped at its start.
#include <array>
#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "qmp/commands.h"
#include "qmp/listen.h"
#include "qmp/message.h"
#include "qmp/task.h"

namespace kvmrt::qmp {
namespace {

using boost::asio::awaitable;
using ::testing::Contains;

constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";

struct Seen {
  Greeting greeting;
  RunState at_start;
  RunState paused;
  std::vector<VcpuThread> vcpus;
  std::vector<IothreadInfo> iothreads;
  std::vector<HotpluggableCpu> places;
  std::vector<VcpuThread> vcpus_later;
  KvmState kvm;
  std::size_t schema_entries = 0;
  std::string refusal;
};

awaitable<void> talk(Client& client, Seen& seen) {
  seen.greeting = co_await client.negotiate(std::chrono::seconds(30));
  seen.at_start = co_await query_status(client);
  seen.vcpus = co_await query_cpus_fast(client);
  seen.iothreads = co_await query_iothreads(client);
  seen.kvm = co_await query_kvm(client);
  seen.places = co_await query_hotpluggable_cpus(client);
  const nlohmann::json schema = co_await client.execute("query-qmp-schema");
  seen.schema_entries = schema.size();
  co_await cont(client);
  co_await stop(client);
  seen.paused = co_await query_status(client);
  const HotpluggableCpu free = seen.places.front();
  const std::string id = "c1";
  co_await device_add(client, free.type, id, free.props);
  seen.vcpus_later = co_await query_cpus_fast(client);
  try {
    co_await client.execute("no-such-command");
  } catch (const QmpError& error) {
    seen.refusal = error.error_class();
  }
  co_await quit(client);
}

pid_t start_qemu(const MonitorSocket& monitor) {
  constexpr std::array kArguments{kQemu,         "-S",
                                  "-nodefaults", "-no-user-config",
                                  "-display",    "none",
                                  "-machine",    "q35",
                                  "-accel",      "tcg,thread=multi,tb-size=16",
                                  "-smp",        "1,maxcpus=2",
                                  "-m",          "32",
                                  "-object",     "iothread,id=io0",
                                  "-chardev",    "socket,id=m,fd=9,server=on,wait=off",
                                  "-mon",        "chardev=m,mode=control"};
  std::vector<char*> argv;
  for (const char* argument : kArguments) argv.push_back(const_cast<char*>(argument));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, monitor.listening.get(), 9);
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawn(&pid, kQemu, &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

TEST(RealQemu, UnderstandsEveryCommandAndIsUnderstood) {
  if (::access(kQemu, X_OK) != 0) GTEST_SKIP() << kQemu << " is not installed";
  std::string folder = "/tmp/kvmrt-real-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  MonitorSocket monitor = listen_and_connect(folder + "/qmp.sock");
  const pid_t pid = start_qemu(monitor);
  monitor.listening.reset();

  boost::asio::io_context io(1);
  Client client(io, std::move(monitor.connected));
  std::vector<std::string> events;
  client.on_event([&](const Event& event) { events.push_back(event.name); });
  Seen seen;
  std::string failure;
  spawn_task(io, "talk", talk(client, seen), [&](const std::string&, std::exception_ptr why) {
    try {
      std::rethrow_exception(why);
    } catch (const std::exception& error) {
      failure = error.what();
    }
  });
  io.run_for(std::chrono::seconds(60));
  if (!client.closed()) ::kill(pid, SIGKILL);
  int status = -1;
  ::waitpid(pid, &status, 0);
  std::filesystem::remove_all(folder);

  EXPECT_EQ(failure, "");
  EXPECT_EQ(status, 0);
  EXPECT_GE(seen.greeting.version.major, 7);
  EXPECT_EQ(seen.at_start.status, "prelaunch");
  EXPECT_EQ(seen.paused.status, "paused");
  ASSERT_EQ(seen.vcpus.size(), 1);
  EXPECT_EQ(seen.vcpus[0].cpu_index, 0);
  EXPECT_EQ(seen.vcpus_later.size(), 2);
  ASSERT_EQ(seen.iothreads.size(), 1);
  EXPECT_EQ(seen.iothreads[0].id, "io0");
  EXPECT_FALSE(seen.kvm.enabled);
  EXPECT_GT(seen.schema_entries, 100);
  EXPECT_EQ(seen.refusal, "CommandNotFound");
  EXPECT_THAT(events, Contains("RESUME"));
  EXPECT_THAT(events, Contains("SHUTDOWN"));
}

}  // namespace
}  // namespace kvmrt::qmp
