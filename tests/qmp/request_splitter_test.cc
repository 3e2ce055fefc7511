// SPDX-License-Identifier: MIT
#include "qmp/request_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "qmp/error.h"

namespace kvmrt::qmp {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> requests_in(std::string_view stream, std::size_t cut) {
  RequestSplitter splitter(1000);
  std::vector<std::string> found;
  for (const auto part : {stream.substr(0, cut), stream.substr(cut)}) {
    splitter.feed(part);
    while (const auto request = splitter.next()) found.emplace_back(*request);
  }
  return found;
}

TEST(RequestSplitter, NeedsNoLineEndsAndBearsAnySplit) {
  constexpr std::string_view kStream = "{\"a\":{\"b\":[]}}{\"c\":1}\r\n \n{\n\"d\":\n2}";
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut)
    EXPECT_THAT(requests_in(kStream, cut),
                ElementsAre("{\"a\":{\"b\":[]}}", "{\"c\":1}", "{\n\"d\":\n2}"))
        << cut;
}

TEST(RequestSplitter, SeesNoBracketsInsideStrings) {
  constexpr std::string_view kStream = R"({"a":"}{\"}"}{"b":"\\"}[])";
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut)
    EXPECT_THAT(requests_in(kStream, cut), ElementsAre(R"({"a":"}{\"}"})", R"({"b":"\\"})", "[]"))
        << cut;
}

TEST(RequestSplitter, YieldsGarbageAsOneLine) {
  EXPECT_THAT(requests_in("hello {\"a\"\n{\"b\":1}", 3),
              ElementsAre("hello {\"a\"\n", "{\"b\":1}"));
  EXPECT_THAT(requests_in("}\n{}", 0), ElementsAre("}\n", "{}"));
}

TEST(RequestSplitter, EndsAnOpenStringWithItsLine) {
  EXPECT_THAT(requests_in("{\"a\":\"open}\n{}", 6), ElementsAre("{\"a\":\"open}\n", "{}"));
}

TEST(RequestSplitter, WaitsForTheRest) {
  RequestSplitter splitter(100);
  splitter.feed("{\"execute\":");
  EXPECT_FALSE(splitter.next());
  EXPECT_FALSE(splitter.next());
  splitter.feed("1}");
  EXPECT_EQ(splitter.next(), "{\"execute\":1}");
}

TEST(RequestSplitter, RefusesARequestBeyondTheLimit) {
  RequestSplitter splitter(10);
  splitter.feed("{\"12345678");
  EXPECT_FALSE(splitter.next());
  splitter.feed("9");
  EXPECT_THROW(splitter.next(), QmpError);
}

}  // namespace
}  // namespace kvmrt::qmp
