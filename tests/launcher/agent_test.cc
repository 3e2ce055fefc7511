// SPDX-License-Identifier: MIT
#include "launcher/agent.h"

#include <filesystem>
#include <fmt/core.h>
#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>

#include "base/fd.h"
#include "qmp/listen.h"
#include "tests/launcher/temporary_folder.h"

namespace kvmrt::launcher {
namespace {

TEST(AgentWords, CountOnlyWithOurIdAndWholeLines) {
  EXPECT_FALSE(read_agent("", 7).synced);
  EXPECT_FALSE(read_agent("{\"return\": 8}\n", 7).synced);
  EXPECT_FALSE(read_agent("{\"return\": 7}", 7).synced);
  EXPECT_FALSE(read_agent("{\"return\": \"7\"}\n[7]\n7\n", 7).synced);
  EXPECT_TRUE(read_agent("{\"return\": 7}\n", 7).synced);
  EXPECT_TRUE(read_agent("torn {\"retu\xff{\"return\": 7}\n", 7).synced);
}

TEST(AgentWords, RefuseOnlyAfterTheAnswer) {
  EXPECT_EQ(read_agent("{\"error\": {\"desc\": \"old\"}}\n{\"return\": 7}\n", 7).error, "");
  EXPECT_EQ(read_agent("{\"return\": 7}\n{\"error\": {\"desc\": \"no\"}}\n", 7).error, "\"no\"");
}

/// An agent's end of the channel, in a thread of its own.
class FakeAgent {
 public:
  explicit FakeAgent(const std::filesystem::path& path) : listening_(qmp::listen_at(path, 1)) {}
  ~FakeAgent() {
    if (thread_.joinable()) thread_.join();
  }

  void run(std::function<void(FakeAgent&)> behave) {
    thread_ = std::thread([this, behave = std::move(behave)] {
      peer_ = Fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      behave(*this);
      read();  // until the other side hangs up
      peer_ = Fd();
    });
  }

  /// What came, at once or within five seconds; "" at the end.
  std::string read() {
    pollfd ready{peer_.get(), POLLIN, 0};
    std::string text(4096, '\0');
    ::poll(&ready, 1, 5000);
    const ssize_t got = ::recv(peer_.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  void answer(const std::string& text) {
    EXPECT_EQ(::send(peer_.get(), text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
  }

  /// Answers the sync that is to come.
  void sync() {
    const std::string asked = read();
    EXPECT_EQ(asked.front(), '\xff');
    const auto id = asked.substr(asked.find("\"id\": ") + 6);
    answer(fmt::format("\xff{{\"return\": {}}}\n", id.substr(0, id.find('}'))));
  }

 private:
  Fd listening_, peer_;
  std::thread thread_;
};

class AgentCallTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path socket() const { return folder_.path() / "agent.sock"; }

  /// Until the call has said `wanted` things, or all its waits are over.
  std::vector<Event> heard(milliseconds patience, std::size_t wanted) {
    boost::asio::io_context io{1};
    std::vector<Event> events;
    AgentCall call(io, socket(), patience, [&](const Event& event) {
      events.push_back(event);
      if (events.size() == wanted) io.stop();
    });
    io.run_for(std::chrono::seconds(5));
    return events;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(AgentCallTest, TellsThatNobodyAnswersWithinThePatience) {
  FakeAgent agent(socket());
  const auto events = heard(milliseconds(50), 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<AgentFailed>(events[0]).why, "no answer in 50 ms");
}

TEST_F(AgentCallTest, TellsThatThereIsNoChannel) {
  ASSERT_TRUE(std::holds_alternative<AgentFailed>(heard(milliseconds(3000), 1).at(0)));
}

TEST_F(AgentCallTest, SendsTheShutdownOnlyToAnAgentThatAnswered) {
  std::string after;
  {
    FakeAgent agent(socket());
    agent.run([&](FakeAgent& self) {
      self.sync();
      after = self.read();
    });
    const auto events = heard(milliseconds(3000), 1);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<AgentTold>(events[0]));
  }
  EXPECT_NE(after.find("guest-shutdown"), std::string::npos);
}

TEST_F(AgentCallTest, TellsOfARefusalThatComesLater) {
  FakeAgent agent(socket());
  agent.run([](FakeAgent& self) {
    self.sync();
    self.read();
    self.answer("{\"error\": {\"class\": \"GenericError\", \"desc\": \"disabled\"}}\n");
  });
  const auto events = heard(milliseconds(3000), 2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<AgentFailed>(events[1]).why, "\"disabled\"");
}

TEST_F(AgentCallTest, EndsWithAnAgentThatFloodsTheChannel) {
  FakeAgent agent(socket());
  agent.run([](FakeAgent& self) {
    self.read();
    self.answer(std::string(100'000, 'x'));
  });
  const auto events = heard(milliseconds(3000), 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<AgentFailed>(events[0]).why, "it says too much");
}

}  // namespace
}  // namespace kvmrt::launcher
