// SPDX-License-Identifier: MIT
#include "qmp/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "qmp/error.h"

namespace kvmrt::qmp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> lines_in(LineSplitter& splitter) {
  std::vector<std::string> lines;
  while (const auto line = splitter.next()) lines.emplace_back(*line);
  return lines;
}

std::string refusal(std::string_view line) {
  try {
    parse_message(line);
    return "";
  } catch (const QmpError& error) {
    EXPECT_EQ(error.kind(), QmpError::Kind::protocol);
    return error.what();
  }
}

TEST(LineSplitter, YieldsTheSameLinesForEverySplitIntoTwo) {
  const std::string stream = "{\"a\": 1}\r\n{\"b\": 2}\n\r\n\n{\"c\": 3}\r\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    LineSplitter splitter;
    splitter.feed(std::string_view(stream).substr(0, cut));
    std::vector<std::string> lines = lines_in(splitter);
    splitter.feed(std::string_view(stream).substr(cut));
    for (auto& line : lines_in(splitter)) lines.push_back(line);
    EXPECT_THAT(lines, ElementsAre("{\"a\": 1}", "{\"b\": 2}", "{\"c\": 3}")) << cut;
    EXPECT_FALSE(splitter.mid_line());
  }
}

TEST(LineSplitter, YieldsLinesThatComeByteByByte) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  for (const char c : std::string("one\r\ntwo\r\n")) {
    splitter.feed(std::string_view(&c, 1));
    for (auto& line : lines_in(splitter)) lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("one", "two"));
}

TEST(LineSplitter, KnowsThatALineIsUnfinished) {
  LineSplitter splitter;
  splitter.feed("{\"retu");
  EXPECT_FALSE(splitter.next());
  EXPECT_TRUE(splitter.mid_line());
  splitter.feed("rn\": 1}\n");
  EXPECT_TRUE(splitter.next());
  EXPECT_FALSE(splitter.mid_line());
}

TEST(LineSplitter, AcceptsALineOfExactlyTheLimit) {
  LineSplitter splitter(8);
  splitter.feed("12345678\n");
  EXPECT_EQ(splitter.next(), "12345678");
}

TEST(LineSplitter, RefusesALineBeyondTheLimitBeforeItsEndHasCome) {
  LineSplitter splitter(8);
  splitter.feed("123456789");
  EXPECT_THROW(splitter.next(), QmpError);
}

TEST(LineSplitter, RefusesAFinishedLineBeyondTheLimit) {
  LineSplitter splitter(8);
  splitter.feed("123456789\n");
  EXPECT_THROW(splitter.next(), QmpError);
}

TEST(LineSplitter, TakesALineOfSixteenMebibytesInSmallParts) {
  LineSplitter splitter;
  const std::string part(4096, 'x');
  for (std::size_t sent = 0; sent < kLongestLine; sent += part.size()) {
    splitter.feed(part);
    ASSERT_FALSE(splitter.next());
  }
  splitter.feed("\n");
  EXPECT_EQ(splitter.next()->size(), kLongestLine);
}

TEST(QmpMessage, ReadsTheGreetingOfDebian12) {
  const Message message =
      parse_message(R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, )"
                    R"("package": "Debian 1:7.2+dfsg-7+deb12u18+b3"}, "capabilities": ["oob"]}})");
  const auto& greeting = std::get<Greeting>(message);
  EXPECT_EQ(greeting.version, (Version{7, 2, 22, "Debian 1:7.2+dfsg-7+deb12u18+b3"}));
  EXPECT_THAT(greeting.capabilities, ElementsAre("oob"));
}

TEST(QmpMessage, ReadsAGreetingThatTellsNothing) {
  const Message message = parse_message(R"({"QMP": {}})");
  EXPECT_EQ(std::get<Greeting>(message).version, Version{});
}

TEST(QmpMessage, ReadsAReplyWithItsId) {
  const Message message = parse_message(R"({"return": {"running": true}, "id": 7})");
  const auto& reply = std::get<Reply>(message);
  EXPECT_EQ(reply.id, 7);
  EXPECT_EQ(reply.value["running"], true);
  EXPECT_FALSE(reply.error);
}

TEST(QmpMessage, ReadsAnErrorWithoutId) {
  const Message message = parse_message(
      R"({"error": {"class": "CommandNotFound", "desc": "The command bogus has not been found"}})");
  const auto& reply = std::get<Reply>(message);
  EXPECT_TRUE(reply.id.is_null());
  EXPECT_EQ(reply.error->error_class, "CommandNotFound");
  EXPECT_EQ(reply.error->description, "The command bogus has not been found");
}

TEST(QmpMessage, ReadsAnEventWithDataAndTime) {
  const Message message = parse_message(
      R"({"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "SHUTDOWN", )"
      R"("data": {"guest": true, "reason": "guest-shutdown"}, "future": [1]})");
  const auto& event = std::get<Event>(message);
  EXPECT_EQ(event.name, "SHUTDOWN");
  EXPECT_TRUE(event.flag("guest"));
  EXPECT_EQ(event.text("reason"), "guest-shutdown");
  EXPECT_EQ(event.time, std::chrono::microseconds(1700000000250000));
}

TEST(QmpMessage, ReadsAnEventWithoutDataOrTime) {
  const Message message = parse_message(R"({"event": "STOP"})");
  const auto& event = std::get<Event>(message);
  EXPECT_EQ(event.data, nlohmann::json::object());
  EXPECT_EQ(event.text("reason"), "");
  EXPECT_FALSE(event.flag("guest"));
}

TEST(QmpMessage, PutsUpWithMembersOfTheWrongType) {
  EXPECT_NO_THROW(parse_message(R"({"event": "X", "data": 3, "timestamp": "now"})"));
  EXPECT_NO_THROW(
      parse_message(R"({"event": "X", "timestamp": {"seconds": -9223372036854775808}})"));
  EXPECT_NO_THROW(parse_message(R"({"error": "no"})"));
  EXPECT_NO_THROW(parse_message(R"({"QMP": {"version": 3, "capabilities": {"oob": 1}}})"));
}

TEST(QmpMessage, RefusesWhatIsNotQmpAndQuotesIt) {
  EXPECT_THAT(refusal("hello"), HasSubstr("not JSON: 'hello'"));
  EXPECT_THAT(refusal("{\"return\": {}"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[1, 2]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{\"a\": 1}"), HasSubstr("neither greeting, reply nor event"));
  EXPECT_THAT(refusal("{\"event\": 3}"), HasSubstr("neither"));
  EXPECT_THAT(refusal("{\"return\": 1e999}"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{\"return\": \"\xff\"}"), HasSubstr("not JSON"));
}

TEST(QmpMessage, QuotesOnlyTheBeginningOfALongForeignText) {
  const std::string text = refusal(std::string(10000, 'x') + "\x1b[31m");
  EXPECT_LT(text.size(), 200);
  EXPECT_EQ(refusal("\x1b[31m"), "not JSON: '?[31m'");
}

TEST(QmpMessage, RefusesNestingThatWouldOverflowTheStack) {
  EXPECT_THAT(refusal("{\"return\": " + std::string(1'000'000, '[')), HasSubstr("too deep"));
  const std::string deep = std::string(200, '[') + std::string(200, ']');
  EXPECT_THAT(refusal("{\"return\": " + deep + "}"), HasSubstr("too deep"));
}

TEST(QmpMessage, RefusesMoreValuesThanAnyReplyHas) {
  std::string many = "{\"return\": [";
  for (int i = 0; i < 1'000'001; ++i) many += "0,";
  EXPECT_THAT(refusal(many + "0]}"), HasSubstr("too large"));
}

TEST(QmpMessage, DoesNotCountBracketsInsideStrings) {
  const std::string text = std::string(1000, '[') + "\\\"" + std::string(1000, '{');
  const Message message = parse_message("{\"return\": \"" + text + "\"}");
  EXPECT_EQ(std::get<Reply>(message).value.get<std::string>().size(), 2001);
}

}  // namespace
}  // namespace kvmrt::qmp
