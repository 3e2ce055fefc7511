// SPDX-License-Identifier: MIT
// The proxy between a real QEMU and Python clients that talk as qmp-shell does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <nlohmann/json.hpp>

#include "qmp/client.h"
#include "qmp/listen.h"
#include "qmp/message.h"
#include "qmp/proxy.h"
#include "qmp/proxy_rules.h"
#include "qmp/task.h"
#include "real_qemu.h"
#include "tests/paths.h"

namespace kvmrt::qmp::test {
namespace {

using boost::asio::awaitable;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPython = "/usr/bin/python3";

/// A child whose output is gathered while the io_context runs.
class Script {
 public:
  Script(boost::asio::io_context& io, std::vector<std::string> arguments) : output_(io) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const Fd writing(pipe[1]);
    output_.assign(pipe[0]);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
    EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    boost::asio::async_read(output_, boost::asio::dynamic_buffer(text),
                            [this](const boost::system::error_code&, std::size_t) {
                              ::waitpid(pid_, &status, 0);
                              ended = true;
                            });
  }

  std::string text;
  int status = -1;
  bool ended = false;

 private:
  boost::asio::posix::stream_descriptor output_;
  pid_t pid_ = -1;
};

/// Client and proxy as a supervisor holds them.
class ProxiedQemu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!have_qemu()) GTEST_SKIP() << kQemu << " is not installed";
    if (::access(kPython, X_OK) != 0) GTEST_SKIP() << kPython << " is not installed";
    qemu.emplace();
    client.emplace(io, std::move(qemu->monitor.connected));
    client->on_event([this](const Event& event) { proxy->publish(event); });
    spawn_task(io, "open", open(),
               [](const std::string&, std::exception_ptr why) { std::rethrow_exception(why); });
    while (!proxy) io.run_one();
  }

  awaitable<void> open() {
    const Greeting greeting = co_await client->negotiate(std::chrono::seconds(30));
    ProxyHooks hooks;
    hooks.judge = [](const std::string& command, const json& arguments) {
      return judge_command(command, arguments, ProxyPolicy());
    };
    hooks.done = [this](const std::string& command, const json&, bool succeeded) {
      noted.push_back(command + (succeeded ? " done" : " failed"));
    };
    proxy.emplace(io, listen_at(socket(), 16), *client, greeting, std::move(hooks));
  }

  [[nodiscard]] std::string socket() const { return qemu->folder / "monitor.sock"; }

  std::unique_ptr<Script> user(const std::vector<std::string>& commands) {
    std::vector<std::string> arguments{kPython, KVMRT_SOURCE_DIR "/tests/qmp/user_client.py",
                                       socket()};
    arguments.insert(arguments.end(), commands.begin(), commands.end());
    return std::make_unique<Script>(io, arguments);
  }

  void run_until(const std::function<bool()>& met) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!met() && std::chrono::steady_clock::now() < until)
      io.run_one_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(met());
  }

  std::optional<RealQemu> qemu;
  boost::asio::io_context io{1};
  std::optional<Client> client;
  std::optional<Proxy> proxy;
  std::vector<std::string> noted;
};

TEST_F(ProxiedQemu, ServesAUserAsQemuWould) {
  const auto script = user({"query-status", "cont", "stop", "query-status", "set-action"});
  run_until([&] { return script->ended; });
  EXPECT_EQ(script->status, 0);
  EXPECT_THAT(script->text, HasSubstr("\"status\": \"prelaunch\""));
  EXPECT_THAT(script->text, HasSubstr("cont {} RESUME\nstop {} STOP\n"));
  EXPECT_THAT(script->text, HasSubstr("\"status\": \"paused\""));
  EXPECT_THAT(script->text, HasSubstr("kvmrt decides how the guest ends"));
  EXPECT_THAT(noted, ElementsAre("cont done", "stop done"));
}

TEST_F(ProxiedQemu, ServesManyUsersTheWholeSchemaAtOnce) {
  std::vector<std::unique_ptr<Script>> scripts;
  for (int i = 0; i < 4; ++i) scripts.push_back(user({"query-qmp-schema", "query-commands"}));
  for (const auto& script : scripts) {
    run_until([&] { return script->ended; });
    EXPECT_EQ(script->status, 0);
    EXPECT_EQ(script->text, scripts[0]->text);
  }
  EXPECT_FALSE(client->closed());
}

TEST_F(ProxiedQemu, LetsTheSupervisorSeeThatAUserQuit) {
  const auto script = user({"quit"});
  run_until([&] { return script->ended && client->closed(); });
  EXPECT_THAT(noted, ElementsAre("quit done"));
  EXPECT_EQ(qemu->wait(false), 0);
}

}  // namespace
}  // namespace kvmrt::qmp::test
