// SPDX-License-Identifier: MIT
#include "qmp/client.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "qmp/commands.h"
#include "qmp/message.h"
#include "scripted_server.h"

namespace kvmrt::qmp::test {
namespace {

using boost::asio::awaitable;
using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = QmpError::Kind;

/// How a task ended: a value, or an error.
struct Answer {
  bool ended = false;
  json value;
  std::optional<Kind> error;
  std::string text;
};

awaitable<void> ask(Client& client, std::string command, json arguments, milliseconds deadline,
                    Answer& answer) {
  try {
    answer.value = co_await client.execute(command, arguments, deadline);
  } catch (const QmpError& error) {
    answer.error = error.kind();
    answer.text = error.what();
  }
  answer.ended = true;
}

awaitable<void> greet(Client& client, milliseconds deadline, Answer& answer) {
  try {
    const Greeting greeting = co_await client.negotiate(deadline);
    answer.value = greeting.version.major;
  } catch (const QmpError& error) {
    answer.error = error.kind();
    answer.text = error.what();
  }
  answer.ended = true;
}

constexpr milliseconds kLong{60'000};
constexpr milliseconds kShort{20};

void start_ask(Scripted& qemu, const std::string& command, Answer& answer,
               milliseconds deadline = kLong) {
  qemu.start(ask(qemu.client, command, json::object(), deadline, answer));
}

TEST(QmpClient, NegotiatesAfterTheGreeting) {
  Scripted qemu;
  Answer answer;
  qemu.start(greet(qemu.client, kLong, answer));
  EXPECT_EQ(qemu.heard(), "");
  qemu.say(kGreeting);
  EXPECT_EQ(qemu.heard(), R"({"execute":"qmp_capabilities","id":1})");
  EXPECT_FALSE(answer.ended);
  qemu.say("{\"return\": {}, \"id\": 1}\r\n");
  EXPECT_EQ(answer.value, 7);
}

TEST(QmpClient, PutsUpWithEventsBeforeTheGreeting) {
  Scripted qemu;
  Answer answer;
  qemu.start(greet(qemu.client, kLong, answer));
  qemu.say("{\"event\": \"RTC_CHANGE\"}\r\n");
  qemu.say(kGreeting);
  qemu.say("{\"return\": {}, \"id\": 1}\r\n");
  EXPECT_EQ(answer.value, 7);
}

TEST(QmpClient, TellsSilenceBeforeTheGreetingFromDeath) {
  Scripted silent;
  Answer answer;
  silent.start(greet(silent.client, kShort, answer));
  silent.run(5 * kShort);
  EXPECT_EQ(answer.error, Kind::timeout);
  EXPECT_FALSE(silent.client.closed());

  Scripted dead;
  Answer death;
  dead.start(greet(dead.client, kLong, death));
  dead.hang_up();
  dead.run();
  EXPECT_EQ(death.error, Kind::closed);
}

TEST(QmpClient, TellsSilenceAfterTheGreeting) {
  Scripted qemu;
  Answer answer;
  qemu.start(greet(qemu.client, kShort, answer));
  qemu.say(kGreeting);
  qemu.run(5 * kShort);
  EXPECT_EQ(answer.error, Kind::timeout);
  EXPECT_THAT(answer.text, HasSubstr("qmp_capabilities"));
}

TEST(QmpClient, ReadsAConversationThatComesByteByByte) {
  Scripted qemu;
  Answer answer;
  qemu.start(greet(qemu.client, kLong, answer));
  for (const char c : kGreeting) qemu.say(std::string_view(&c, 1));
  for (const char c : std::string("{\"return\": {}, \"id\": 1}\r\n"))
    qemu.say(std::string_view(&c, 1));
  EXPECT_EQ(answer.value, 7);
}

TEST(QmpClient, MatchesRepliesInAnyOrder) {
  Scripted qemu;
  qemu.negotiated();
  std::array<Answer, 3> answers;
  for (Answer& answer : answers) start_ask(qemu, "query-status", answer);
  EXPECT_EQ(qemu.heard(), R"({"execute":"query-status","id":2}{"execute":"query-status","id":3})"
                          R"({"execute":"query-status","id":4})");
  qemu.say("{\"return\": \"c\", \"id\": 4}\r\n{\"id\": 2, \"return\": \"a\"}\r\n");
  qemu.say("{\"return\": \"b\", \"id\": 3}\r\n");
  EXPECT_EQ(answers[0].value, "a");
  EXPECT_EQ(answers[1].value, "b");
  EXPECT_EQ(answers[2].value, "c");
}

awaitable<void> ask_two(Client& client, std::array<Answer, 2>& answers) {
  auto first = client.begin("query-status");
  auto second = client.begin("query-kvm");
  answers[0].value = co_await std::move(first);
  answers[1].value = co_await std::move(second);
}

TEST(QmpClient, SendsWhatIsBegunBeforeTheFirstAnswerIsThere) {
  Scripted qemu;
  qemu.negotiated();
  std::array<Answer, 2> answers;
  qemu.start(ask_two(qemu.client, answers));
  EXPECT_EQ(qemu.heard(), R"({"execute":"query-status","id":2}{"execute":"query-kvm","id":3})");
  qemu.say("{\"return\": \"b\", \"id\": 3}\r\n{\"return\": \"a\", \"id\": 2}\r\n");
  EXPECT_EQ(answers[0].value, "a");
  EXPECT_EQ(answers[1].value, "b");
}

awaitable<void> negotiate_and_ask(Client& client, milliseconds deadline, Answer& answer) {
  std::vector<awaitable<json>> asked;
  std::function<void()> ask = [&] { asked.push_back(client.begin("query-status")); };
  co_await client.negotiate(deadline, std::move(ask));
  answer.value = co_await std::move(asked.front());
}

TEST(QmpClient, SendsWhatFollowsTheNegotiationOnItsHeels) {
  Scripted qemu;
  Answer answer;
  qemu.start(negotiate_and_ask(qemu.client, kLong, answer));
  EXPECT_EQ(qemu.heard(), "");  // not before the greeting
  qemu.say(kGreeting);
  EXPECT_EQ(qemu.heard(),
            R"({"execute":"qmp_capabilities","id":1}{"execute":"query-status","id":2})");
  qemu.say("{\"return\": {}, \"id\": 1}\r\n{\"return\": \"a\", \"id\": 2}\r\n");
  EXPECT_EQ(answer.value, "a");
}

TEST(QmpClient, SendsArgumentsAndEscapesThem) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  json arguments = json::object();
  arguments["driver"] = "a\"b\n";
  qemu.start(ask(qemu.client, "device_add", arguments, kLong, answer));
  EXPECT_EQ(qemu.heard(), R"({"execute":"device_add","arguments":{"driver":"a\"b\n"},"id":2})");
}

TEST(QmpClient, RefusesAnArgumentThatQmpCannotCarry) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  json arguments = json::object();
  arguments["file"] = "\xff";
  qemu.start(ask(qemu.client, "blockdev-add", arguments, kLong, answer));
  EXPECT_EQ(answer.error, Kind::refused);
  EXPECT_EQ(qemu.heard(), "");
}

TEST(QmpClient, TellsARefusalWithTheCommandAndQemusWords) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "cont", answer);
  qemu.say(
      "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Resetting the Virtual Machine is "
      "required\"}, \"id\": 2}\r\n");
  EXPECT_EQ(answer.error, Kind::refused);
  EXPECT_EQ(answer.text, "cont: Resetting the Virtual Machine is required");
}

TEST(QmpClient, DropsALateReplyAndGoesOn) {
  Scripted qemu;
  qemu.negotiated();
  Answer first;
  start_ask(qemu, "query-status", first, kShort);
  qemu.run(5 * kShort);
  EXPECT_EQ(first.error, Kind::timeout);
  EXPECT_FALSE(qemu.client.closed());
  Answer second;
  start_ask(qemu, "query-status", second);
  qemu.say("{\"return\": \"late\", \"id\": 2}\r\n{\"return\": \"in time\", \"id\": 3}\r\n");
  EXPECT_EQ(second.value, "in time");
  EXPECT_EQ(qemu.client.dropped_replies(), 1);
}

TEST(QmpClient, GivesAReplyWithoutIdToTheOnlyCommand) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "query-status", answer);
  qemu.say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n");
  EXPECT_EQ(answer.error, Kind::refused);
}

TEST(QmpClient, GuessesNoOwnerForAReplyWithoutId) {
  Scripted qemu;
  qemu.negotiated();
  std::array<Answer, 2> answers;
  for (Answer& answer : answers) start_ask(qemu, "query-status", answer);
  qemu.say(
      "{\"return\": 1}\r\n{\"return\": 2, \"id\": \"foreign\"}\r\n{\"return\": 3, \"id\": -1}\r\n");
  EXPECT_FALSE(answers[0].ended);
  EXPECT_FALSE(answers[1].ended);
  EXPECT_EQ(qemu.client.dropped_replies(), 3);
}

TEST(QmpClient, HasNoTimerLeftWhenAllIsAnswered) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "query-status", answer, kLong);
  qemu.say("{\"return\": {}, \"id\": 2}\r\n");
  qemu.hang_up();
  const auto before = std::chrono::steady_clock::now();
  qemu.io.restart();
  qemu.io.run();  // comes back only when nothing is waited for
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST(QmpClient, DeliversEventsInOrderAndBeforeTheReplyThatFollows) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  std::vector<std::string> seen;
  qemu.client.on_event([&](const Event& event) {
    seen.push_back(event.name + (answer.ended ? " after" : " before"));
  });
  start_ask(qemu, "cont", answer);
  qemu.say("{\"event\": \"RESET\"}\r\n{\"event\": \"RESUME\"}\r\n{\"return\": {}, \"id\": 2}\r\n");
  EXPECT_THAT(seen, ElementsAre("RESET before", "RESUME before"));
  EXPECT_TRUE(answer.ended);
}

TEST(QmpClient, KeepsUpWithAFloodOfEvents) {
  Scripted qemu;
  qemu.negotiated();
  std::int64_t seen = 0;
  bool in_order = true;
  qemu.client.on_event([&](const Event& event) { in_order &= event.data["n"] == seen++; });
  Answer answer;
  start_ask(qemu, "query-status", answer);
  std::string flood;
  for (int n = 0; n < 100'000; ++n)
    flood += "{\"event\": \"RESET\", \"data\": {\"n\": " + std::to_string(n) + "}}\r\n";
  qemu.say(flood + "{\"return\": \"alive\", \"id\": 2}\r\n");
  EXPECT_EQ(seen, 100'000);
  EXPECT_TRUE(in_order);
  EXPECT_EQ(answer.value, "alive");
}

TEST(QmpClient, LetsATimerRunInTheMiddleOfAFlood) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "query-status", answer, milliseconds(1));
  const std::string event = "{\"event\": \"RESET\"}\r\n";
  for (int n = 0; n < 20'000 && !answer.ended; ++n) qemu.say(event);
  EXPECT_EQ(answer.error, Kind::timeout);
}

TEST(QmpClient, TakesTheSchemaAsOneLine) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "query-qmp-schema", answer);
  std::string schema = "{\"return\": [";
  while (schema.size() < 207'000)
    schema += R"({"ret-type": "17", "name": "query-x", "meta-type": "command", "arg-type": "0"}, )";
  qemu.say(schema + "0], \"id\": 2}\r\n");
  EXPECT_GT(answer.value.size(), 2000);
}

TEST(QmpClient, GivesUpOnALineWithoutEnd) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  std::optional<Kind> end;
  qemu.client.on_closed([&](const QmpError& why) { end = why.kind(); });
  start_ask(qemu, "query-status", answer);
  const std::string part(1U << 20U, ' ');
  for (int mebibyte = 0; mebibyte < 17; ++mebibyte) qemu.say(part);
  qemu.settle();
  EXPECT_EQ(end, Kind::protocol);
  EXPECT_EQ(answer.error, Kind::protocol);
  EXPECT_TRUE(qemu.client.closed());
}

TEST(QmpClient, GivesUpOnGarbageAndQuotesIt) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  start_ask(qemu, "query-status", answer);
  qemu.say("{\"return\": {}, \"id\"\r\n");
  qemu.settle();
  EXPECT_EQ(answer.error, Kind::protocol);
  EXPECT_EQ(answer.text, "query-status: not JSON: '{\"return\": {}, \"id\"'");
}

TEST(QmpClient, FailsEveryCommandInFlightWhenQemuGoes) {
  Scripted qemu;
  qemu.negotiated();
  std::array<Answer, 3> answers;
  int closed = 0;
  qemu.client.on_closed([&](const QmpError& why) { closed += why.kind() == Kind::closed ? 1 : 0; });
  for (Answer& answer : answers) start_ask(qemu, "query-status", answer);
  qemu.hang_up();  // with unread bytes: ECONNRESET
  qemu.run();
  for (const Answer& answer : answers) EXPECT_EQ(answer.error, Kind::closed);
  EXPECT_EQ(closed, 1);
  EXPECT_TRUE(qemu.client.closed());
}

TEST(QmpClient, ReadsWhatQemuSaidBeforeItWent) {
  Scripted qemu;
  qemu.negotiated();
  std::vector<std::string> seen;
  qemu.client.on_event([&](const Event& event) { seen.push_back(event.text("reason")); });
  constexpr std::string_view kLast =
      "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-shutdown\"}}\r\n";
  ASSERT_EQ(::send(qemu.end.get(), kLast.data(), kLast.size(), 0), ssize_t{kLast.size()});
  qemu.hang_up();
  Answer answer;
  start_ask(qemu, "query-status", answer);  // EPIPE
  qemu.run();
  EXPECT_THAT(seen, ElementsAre("guest-shutdown"));
  EXPECT_EQ(answer.error, Kind::closed);
}

TEST(QmpClient, RefusesACommandAfterTheEnd) {
  Scripted qemu;
  qemu.negotiated();
  qemu.hang_up();
  qemu.run();
  Answer answer;
  start_ask(qemu, "stop", answer);
  EXPECT_EQ(answer.error, Kind::closed);
  EXPECT_THROW(qemu.client.submit("stop", json(), [](Reply*) {}), QmpError);
}

/// Greeting, negotiation, an event and a reply, each said when the client has done its part.
std::vector<std::string> conversation() {
  return {std::string(kGreeting), "{\"return\": {}, \"id\": 1}\r\n",
          "{\"event\": \"RESUME\"}\r\n{\"return\": \"done\", \"id\": 2}\r\n"};
}

awaitable<void> converse(Client& client, Answer& greeting, Answer& answer) {
  co_await greet(client, kLong, greeting);
  if (greeting.error) co_return;
  const json none = json::object();
  const std::string command = "cont";
  co_await ask(client, command, none, kLong, answer);
}

TEST(QmpClient, EndsAtOnceWhereverTheStreamBreaksOff) {
  std::size_t total = 0;
  for (const auto& part : conversation()) total += part.size();
  for (std::size_t cut = 0; cut < total; ++cut) {
    Scripted qemu;
    Answer greeting;
    Answer answer;
    qemu.start(converse(qemu.client, greeting, answer));
    std::size_t left = cut;
    for (const auto& part : conversation()) {
      qemu.say(std::string_view(part).substr(0, left));
      left -= std::min(left, part.size());
    }
    qemu.hang_up();
    qemu.io.restart();
    qemu.io.run();
    const Answer& last = greeting.error ? greeting : answer;
    ASSERT_TRUE(last.ended) << cut;
    ASSERT_EQ(last.error, Kind::closed) << cut;
    ASSERT_TRUE(qemu.client.closed());
  }
}

TEST(QmpClient, SendsACommandLargerThanTheSocketHolds) {
  Scripted qemu;
  qemu.negotiated();
  std::array<Answer, 2> answers;
  json arguments = json::object();
  arguments["text"] = std::string(3'000'000, 'x');
  qemu.start(ask(qemu.client, "big", arguments, kLong, answers[0]));
  start_ask(qemu, "small", answers[1]);
  const std::string heard = qemu.heard();
  EXPECT_GT(heard.size(), 3'000'000);
  EXPECT_THAT(heard.substr(heard.size() - 60),
              HasSubstr(R"(xxx"},"id":2}{"execute":"small","id":3})"));
}

TEST(QmpClient, AnswersAfterCloseWithClosedAndTellsNobody) {
  Scripted qemu;
  qemu.negotiated();
  Answer answer;
  bool told = false;
  qemu.client.on_closed([&](const QmpError&) { told = true; });
  start_ask(qemu, "query-status", answer);
  qemu.client.close();
  qemu.run();
  EXPECT_EQ(answer.error, Kind::closed);
  EXPECT_FALSE(told);
}

TEST(QmpClient, MayBeClosedByItsOwnEventHandler) {
  Scripted qemu;
  qemu.negotiated();
  int seen = 0;
  qemu.client.on_event([&](const Event&) {
    ++seen;
    qemu.client.close();
  });
  qemu.say("{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\n");
  EXPECT_EQ(seen, 1);
}

TEST(QmpClient, MayReplaceItsEventHandlerInsideIt) {
  Scripted qemu;
  qemu.negotiated();
  std::vector<std::string> seen;
  qemu.client.on_event([&](const Event&) {
    qemu.client.on_event([&](const Event& event) { seen.push_back(event.name); });
    seen.push_back("first");
  });
  qemu.say("{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\n");
  EXPECT_THAT(seen, ElementsAre("first", "RESUME"));
}

TEST(QmpClient, MayBeDestroyedByItsOwnEventHandler) {
  boost::asio::io_context io;
  Pair pair = socket_pair();
  auto client = std::make_unique<Client>(io, std::move(pair.clients));
  Answer greeting;
  spawn_task(io, "greet", greet(*client, kLong, greeting), {});
  client->on_event([&](const Event&) { client.reset(); });
  constexpr std::string_view kEvent = "{\"event\": \"STOP\"}\r\n";
  ASSERT_EQ(::send(pair.ours.get(), kEvent.data(), kEvent.size(), 0), ssize_t{kEvent.size()});
  io.run();
  EXPECT_EQ(client, nullptr);
  EXPECT_EQ(greeting.error, Kind::closed);
}

TEST(QmpClient, FailsItsCommandsWhenItIsDestroyed) {
  boost::asio::io_context io;
  Pair pair = socket_pair();
  Answer answer;
  bool called = false;
  {
    Client client(io, std::move(pair.clients));
    client.on_closed([&](const QmpError&) { called = true; });
    spawn_task(io, "ask", ask(client, "stop", json::object(), kLong, answer), {});
    io.poll();
  }
  io.restart();
  io.run();
  EXPECT_EQ(answer.error, Kind::closed);
  EXPECT_FALSE(called);
}

TEST(QmpClient, MayGoAwayTogetherWithAStoppedContext) {
  Pair pair = socket_pair();
  Answer answer;
  Answer greeting;
  {
    boost::asio::io_context io;
    Client client(io, std::move(pair.clients));
    spawn_task(io, "greet", greet(client, kLong, greeting), {});
    spawn_task(io, "ask", ask(client, "stop", json::object(), kLong, answer), {});
    io.poll();
    io.stop();
  }
  EXPECT_FALSE(answer.ended);
  EXPECT_FALSE(greeting.ended);
}

TEST(QmpClient, CallsASubmittedHandlerOnceForReplyOrEnd) {
  Scripted qemu;
  qemu.negotiated();
  std::vector<std::string> calls;
  auto note = [&](Reply* reply) { calls.push_back(reply ? reply->value.dump() : "end"); };
  qemu.client.submit("query-kvm", json::object(), note);
  qemu.client.submit("query-version", json::object(), note);
  qemu.say("{\"return\": 5, \"id\": 2}\r\n");
  qemu.hang_up();
  qemu.run();
  EXPECT_THAT(calls, ElementsAre("5", "end"));
}

awaitable<void> fail() {
  throw std::runtime_error("broken");
  co_return;
}

TEST(Task, ReportsWhatItThrewWithItsName) {
  boost::asio::io_context io;
  std::string told;
  spawn_task(io, "sweep", fail(), [&](const std::string& name, std::exception_ptr why) {
    try {
      std::rethrow_exception(why);
    } catch (const std::exception& error) {
      told = name + ": " + error.what();
    }
  });
  io.run();
  EXPECT_EQ(told, "sweep: broken");
}

TEST(Deadlines, FollowTheCommand) {
  EXPECT_LT(deadline_of("query-status"), deadline_of("cont"));
  EXPECT_EQ(deadline_of("device_add"), std::chrono::seconds(30));
  EXPECT_EQ(deadline_of("quit"), std::chrono::seconds(60));
}

}  // namespace
}  // namespace kvmrt::qmp::test
