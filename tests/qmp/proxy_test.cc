// SPDX-License-Identifier: MIT
#include "qmp/proxy.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>

#include "qmp/listen.h"
#include "qmp/message.h"
#include "qmp/request_splitter.h"
#include "scripted_server.h"

namespace kvmrt::qmp::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A user's connection; reads whole lines as JSON.
class User {
 public:
  explicit User(Fd fd) : fd_(std::move(fd)) {}

  void say(std::string_view text) {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::vector<json> heard() {
    std::array<char, 65536> part{};
    while (true) {
      const ssize_t got = ::recv(fd_.get(), part.data(), part.size(), MSG_DONTWAIT);
      hung_up |= got == 0 || (got < 0 && errno != EAGAIN);
      if (got <= 0) break;
      splitter_.feed(std::string_view(part.data(), static_cast<std::size_t>(got)));
    }
    std::vector<json> messages;
    while (const auto line = splitter_.next()) messages.push_back(json::parse(*line));
    return messages;
  }
  void stop_talking() { ::shutdown(fd_.get(), SHUT_WR); }
  void go() { fd_.reset(); }

  bool hung_up = false;

 private:
  Fd fd_;
  LineSplitter splitter_;
};

/// QEMU's part is played by the test: `qemu` holds the other end of the client.
class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    std::string name = "/tmp/kvmrt-proxy-XXXXXX";
    folder = ::mkdtemp(name.data());
    qemu.negotiated();
    make(ProxyLimits());
    qemu.client.on_event([this](const Event& event) { proxy->publish(event); });
  }
  ~ProxyTest() override {
    proxy.reset();
    qemu.settle();
    std::filesystem::remove_all(folder);
  }

  void make(const ProxyLimits& limits) {
    proxy.reset();
    qemu.settle();
    ProxyHooks hooks;
    hooks.judge = [this](const std::string& command, const json&) {
      judged.push_back(command);
      if (command == "quit") return Verdict{Verdict::Kind::refuse, "use kvmrt shutdown"};
      if (command == "device_add") return Verdict{Verdict::Kind::note, {}};
      return Verdict{};
    };
    hooks.done = [this](const std::string& command, const json& arguments, bool succeeded) {
      noted.push_back(command + " " + arguments.dump() + (succeeded ? " done" : " failed"));
    };
    Greeting greeting;
    greeting.version = {7, 2, 22, "Debian"};
    std::filesystem::remove(folder / "proxy.sock");
    proxy = std::make_unique<Proxy>(qemu.io, listen_at(folder / "proxy.sock", 16), qemu.client,
                                    greeting, hooks, limits);
  }

  std::unique_ptr<User> connect() {
    auto user = std::make_unique<User>(connect_to(folder / "proxy.sock"));
    qemu.settle();
    return user;
  }
  std::unique_ptr<User> negotiated() {
    auto user = connect();
    user->say(R"({"execute": "qmp_capabilities"})");
    qemu.settle();
    EXPECT_THAT(user->heard(), SizeIs(2));
    return user;
  }

  /// What QEMU was asked, as JSON objects.
  std::vector<json> asked() {
    RequestSplitter splitter(1U << 20U);
    splitter.feed(qemu.heard());
    std::vector<json> requests;
    while (const auto request = splitter.next()) requests.push_back(json::parse(*request));
    return requests;
  }
  void answer(const json& request, const json& value) {
    qemu.say("{\"return\": " + value.dump() + ", \"id\": " + request["id"].dump() + "}\r\n");
  }

  std::filesystem::path folder;
  Scripted qemu;
  std::unique_ptr<Proxy> proxy;
  std::vector<std::string> judged;
  std::vector<std::string> noted;
};

TEST_F(ProxyTest, GreetsAsQemuDoesButOffersNoOutOfBand) {
  auto user = connect();
  EXPECT_THAT(user->heard(),
              ElementsAre(json::parse(R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2,
                          "major": 7}, "package": "Debian"}, "capabilities": []}})")));
}

TEST_F(ProxyTest, WantsTheNegotiationFirstAndOnlyOnce) {
  auto user = connect();
  user->heard();
  user->say(R"({"execute": "query-status", "id": "early"})");
  qemu.settle();
  const auto early = user->heard();
  ASSERT_THAT(early, SizeIs(1));
  EXPECT_EQ(early[0]["id"], "early");
  EXPECT_EQ(early[0]["error"]["class"], "CommandNotFound");
  user->say(R"({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})");
  user->say(R"({"execute": "qmp_capabilities"}{"execute": "qmp_capabilities"})");
  qemu.settle();
  const auto late = user->heard();
  ASSERT_THAT(late, SizeIs(3));
  EXPECT_TRUE(late[0].contains("error"));
  EXPECT_EQ(late[1]["return"], json::object());
  EXPECT_EQ(late[2]["error"]["class"], "CommandNotFound");
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(ProxyTest, GivesEachUserTheRepliesToItsOwnIds) {
  auto first = negotiated();
  auto second = negotiated();
  first->say(R"({"execute": "query-status", "id": 1})");
  second->say(R"({"execute": "query-kvm", "id": 1, "arguments": {}})");
  second->say(R"({"execute": "query-name", "id": {"odd": [2]}})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(3));
  for (const json& request : requests) answer(request, request["execute"]);
  qemu.settle();
  EXPECT_THAT(first->heard(), ElementsAre(json::parse(R"({"return": "query-status", "id": 1})")));
  EXPECT_THAT(second->heard(),
              ElementsAre(json::parse(R"({"return": "query-kvm", "id": 1})"),
                          json::parse(R"({"return": "query-name", "id": {"odd": [2]}})")));
}

TEST_F(ProxyTest, PassesArgumentsAndErrors) {
  auto user = negotiated();
  user->say(R"({"execute": "qom-get", "arguments": {"path": "/x", "n": [1, {}]}})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0]["arguments"], json::parse(R"({"path": "/x", "n": [1, {}]})"));
  qemu.say("{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"no x\"}, \"id\": " +
           requests[0]["id"].dump() + "}\r\n");
  qemu.settle();
  EXPECT_THAT(
      user->heard(),
      ElementsAre(json::parse(R"({"error": {"class": "DeviceNotFound", "desc": "no x"}})")));
}

TEST_F(ProxyTest, DoesNotDisturbTheSupervisorsOwnCommands) {
  auto user = negotiated();
  std::string mine;
  qemu.client.submit("query-status", json::object(), [&](Reply* reply) { mine = reply->value; });
  user->say(R"({"execute": "query-name", "id": 9})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(2));
  answer(requests[1], "theirs");
  answer(requests[0], "ours");
  qemu.settle();
  EXPECT_EQ(mine, "ours");
  EXPECT_EQ(user->heard().at(0)["return"], "theirs");
}

TEST_F(ProxyTest, ServesSixteenUsersAtOnceAndHangsUpOnTheNext) {
  std::vector<std::unique_ptr<User>> users;
  for (int i = 0; i < 16; ++i) users.push_back(negotiated());
  auto one_too_many = connect();
  EXPECT_THAT(one_too_many->heard(), IsEmpty());
  EXPECT_TRUE(one_too_many->hung_up);

  for (std::size_t i = 0; i < users.size(); ++i)
    for (int n = 0; n < 20; ++n)
      users[i]->say(R"({"execute": "user-)" + std::to_string(i) + R"(", "id": )" +
                    std::to_string(n) + "}");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(320));
  for (const json& request : requests) answer(request, request["execute"]);
  qemu.settle();
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto replies = users[i]->heard();
    ASSERT_THAT(replies, SizeIs(20));
    for (int n = 0; n < 20; ++n) {
      const json& reply = replies[static_cast<std::size_t>(n)];
      EXPECT_EQ(reply["id"], n);
      EXPECT_EQ(reply["return"], "user-" + std::to_string(i));
    }
  }
  users.pop_back();
  qemu.settle();
  EXPECT_THAT(connect()->heard(), SizeIs(1));
}

TEST_F(ProxyTest, CopiesEventsToNegotiatedUsersOnly) {
  auto user = negotiated();
  auto other = negotiated();
  auto fresh = connect();
  fresh->heard();
  const std::string event =
      R"({"timestamp": {"seconds": 17, "microseconds": 5}, "event": "RESET", "data": {"guest": true}})";
  qemu.say(event + "\r\n{\"event\": \"STOP\"}\r\n");
  qemu.settle();
  const auto seen = user->heard();
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_EQ(seen[0], json::parse(event));
  EXPECT_EQ(seen[1]["event"], "STOP");
  EXPECT_FALSE(seen[1].contains("data"));
  EXPECT_THAT(other->heard(), SizeIs(2));
  EXPECT_THAT(fresh->heard(), IsEmpty());
}

TEST_F(ProxyTest, RefusesWhatTheSupervisorRefuses) {
  auto user = negotiated();
  user->say(R"({"execute": "quit", "id": 3})");
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_THAT(user->heard(), ElementsAre(json::parse(
                                 R"({"id": 3, "error": {"class": "GenericError",
                                                        "desc": "use kvmrt shutdown"}})")));
}

TEST_F(ProxyTest, TellsTheSupervisorHowANotedCommandEnded) {
  auto user = negotiated();
  user->say(R"({"execute": "device_add", "arguments": {"driver": "x"}})");
  user->say(R"({"execute": "device_add", "arguments": {"driver": "y"}})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(2));
  answer(requests[0], json::object());
  qemu.say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": " +
           requests[1]["id"].dump() + "}\r\n");
  qemu.settle();
  EXPECT_THAT(noted, ElementsAre("device_add {\"driver\":\"x\"} done",
                                 "device_add {\"driver\":\"y\"} failed"));
}

TEST_F(ProxyTest, TellsTheSupervisorEvenWhenTheUserHasGone) {
  auto user = negotiated();
  user->say(R"({"execute": "device_add"})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(1));
  user->go();
  qemu.settle();
  answer(requests[0], json::object());
  qemu.settle();
  EXPECT_THAT(noted, ElementsAre("device_add {} done"));
  EXPECT_EQ(proxy->clients(), 0);
}

TEST_F(ProxyTest, LetsGarbageHarmOnlyItsSender) {
  auto user = negotiated();
  auto other = negotiated();
  user->say("nonsense\n[1]{\"exec\": 1}{\"execute\": 1}{\"execute\": \"a\", \"arguments\": 3}\n");
  user->say(std::string(300, '[') + std::string(300, ']'));
  user->say(R"({"execute": "getfd", "id": 7})");
  qemu.settle();
  const auto replies = user->heard();
  ASSERT_THAT(replies, SizeIs(7));
  for (const json& reply : replies) EXPECT_EQ(reply["error"]["class"], "GenericError");
  EXPECT_EQ(replies[6]["id"], 7);
  EXPECT_THAT(asked(), IsEmpty());
  user->say(R"({"execute": "query-status"})");
  other->say(R"({"execute": "query-status"})");
  EXPECT_THAT(asked(), SizeIs(2));
}

TEST_F(ProxyTest, HangsUpOnARequestWithoutEnd) {
  ProxyLimits limits;
  limits.request = 1000;
  make(limits);
  auto user = negotiated();
  auto other = negotiated();
  user->say("{\"execute\": \"" + std::string(2000, 'x'));
  qemu.settle();
  user->heard();
  EXPECT_TRUE(user->hung_up);
  EXPECT_EQ(proxy->clients(), 1);
  other->heard();
  EXPECT_FALSE(other->hung_up);
}

TEST_F(ProxyTest, DropsAUserWhoNeverReadsAndServesTheOthers) {
  ProxyLimits limits;
  limits.backlog = std::size_t{64} << 10U;
  make(limits);
  auto deaf = negotiated();
  auto other = negotiated();
  std::size_t seen = 0;
  const std::string event = "{\"event\": \"RESET\", \"data\": {\"reason\": \"guest-reset\"}}\r\n";
  for (int n = 0; n < 20'000; ++n) {
    qemu.say(event);
    if (n % 50 == 0) seen += other->heard().size();
  }
  qemu.settle();
  seen += other->heard().size();
  EXPECT_EQ(seen, 20'000);
  EXPECT_EQ(proxy->clients(), 1);
}

TEST_F(ProxyTest, LeavesTheRestInTheSocketOfAUserWithTooMuchInFlight) {
  ProxyLimits limits;
  limits.in_flight = 4;
  make(limits);
  auto user = negotiated();
  for (int n = 0; n < 10; ++n) user->say(R"({"execute": "query-status"})");
  auto first = asked();
  ASSERT_THAT(first, SizeIs(4));
  for (const json& request : first) answer(request, 1);
  auto second = asked();
  ASSERT_THAT(second, SizeIs(4));
  for (const json& request : second) answer(request, 1);
  EXPECT_THAT(asked(), SizeIs(2));
}

TEST_F(ProxyTest, DropsTheReplyToAUserWhoHasGone) {
  auto user = negotiated();
  auto other = negotiated();
  user->say(R"({"execute": "query-status", "id": 1})");
  other->say(R"({"execute": "query-status", "id": 1})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(2));
  user->go();
  qemu.settle();
  EXPECT_EQ(proxy->clients(), 1);
  for (const json& request : requests) answer(request, "here");
  qemu.settle();
  EXPECT_EQ(other->heard().at(0)["return"], "here");
}

TEST_F(ProxyTest, AnswersAUserWhoHasEndedItsSideOnly) {
  auto user = negotiated();
  user->say(R"({"execute": "query-status"})");
  user->stop_talking();
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_THAT(user->heard(), IsEmpty());
  EXPECT_FALSE(user->hung_up);
  answer(requests[0], "last");
  qemu.settle();
  EXPECT_EQ(user->heard().at(0)["return"], "last");
  EXPECT_TRUE(user->hung_up);
}

TEST_F(ProxyTest, HangsUpOnWaitingUsersWhenQemuGoes) {
  auto user = negotiated();
  user->say(R"({"execute": "query-status"})");
  qemu.heard();
  qemu.hang_up();
  qemu.settle();
  user->heard();
  EXPECT_TRUE(user->hung_up);
}

TEST_F(ProxyTest, MayGoAwayWithEverythingInFlight) {
  auto user = negotiated();
  auto idle = connect();
  user->say(R"({"execute": "device_add"})");
  const auto requests = asked();
  ASSERT_THAT(requests, SizeIs(1));
  proxy.reset();
  qemu.client.on_event({});
  answer(requests[0], json::object());
  qemu.settle();
  EXPECT_THAT(noted, IsEmpty());
  user->heard();
  EXPECT_TRUE(user->hung_up);
  EXPECT_FALSE(qemu.client.closed());
}

}  // namespace
}  // namespace kvmrt::qmp::test
