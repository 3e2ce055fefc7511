// SPDX-License-Identifier: MIT
#include "qmp/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "qmp/error.h"

namespace kvmrt::qmp {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

template <class Parse>
std::string refusal(Parse parse, const char* text) {
  try {
    parse(json::parse(text));
    return "";
  } catch (const QmpError& error) {
    EXPECT_EQ(error.kind(), QmpError::Kind::protocol);
    return error.what();
  }
}

TEST(RunStateReply, ReadsTheFormOfQemu7WithSinglestep) {
  const auto state = parse_run_state(
      json::parse(R"({"status": "prelaunch", "singlestep": false, "running": false})"));
  EXPECT_EQ(state.status, "prelaunch");
  EXPECT_FALSE(state.running);
}

TEST(RunStateReply, ReadsTheFormOfQemu10WithoutSinglestep) {
  const auto state = parse_run_state(json::parse(R"({"status": "running", "running": true})"));
  EXPECT_EQ(state.status, "running");
  EXPECT_TRUE(state.running);
}

TEST(RunStateReply, RefusesAnAnswerWithoutStatus) {
  EXPECT_THAT(refusal(parse_run_state, R"({"running": true})"),
              HasSubstr("query-status: a 'status' expected, found '{\"running\":true}'"));
  EXPECT_THAT(refusal(parse_run_state, "null"), HasSubstr("query-status"));
}

TEST(VcpusReply, ReadsTheFormOfQemu7) {
  const auto vcpus = parse_vcpus(json::parse(
      R"([{"thread-id": 8375, "props": {"core-id": 0, "thread-id": 0, "socket-id": 0},
           "qom-path": "/machine/unattached/device[0]", "cpu-index": 0, "target": "x86_64"}])"));
  ASSERT_EQ(vcpus.size(), 1);
  EXPECT_EQ(vcpus[0].cpu_index, 0);
  EXPECT_EQ(vcpus[0].tid, Tid(8375));
  EXPECT_EQ(vcpus[0].qom_path, "/machine/unattached/device[0]");
  EXPECT_EQ(vcpus[0].props.at("core-id"), 0);
}

TEST(VcpusReply, ReadsTheFormOfQemu10WithMoreProperties) {
  const auto vcpus = parse_vcpus(json::parse(
      R"([{"thread-id": 12, "props": {"core-id": 1, "module-id": 0, "die-id": 0, "node-id": 1,
           "thread-id": 0, "socket-id": 0}, "qom-path": "/machine/unattached/device[2]",
           "cpu-index": 1, "target": "x86_64", "later": {"x": 1}}])"));
  ASSERT_EQ(vcpus.size(), 1);
  EXPECT_EQ(vcpus[0].tid, Tid(12));
  EXPECT_EQ(vcpus[0].props.at("node-id"), 1);
}

TEST(VcpusReply, OrdersByIndexAndKeepsGapsAndDuplicates) {
  const auto vcpus = parse_vcpus(json::parse(
      R"([{"thread-id": 30, "cpu-index": 5}, {"thread-id": 31, "cpu-index": 0},
          {"thread-id": 30, "cpu-index": 2}])"));
  ASSERT_EQ(vcpus.size(), 3);
  EXPECT_EQ(vcpus[0].cpu_index, 0);
  EXPECT_EQ(vcpus[1].cpu_index, 2);
  EXPECT_EQ(vcpus[2].cpu_index, 5);
  EXPECT_EQ(vcpus[1].tid, vcpus[2].tid);
}

TEST(VcpusReply, RefusesAVcpuWithoutThreadOrWithANonsenseOne) {
  EXPECT_THAT(refusal(parse_vcpus, R"([{"cpu-index": 0}])"), HasSubstr("thread-id"));
  EXPECT_THAT(refusal(parse_vcpus, R"([{"thread-id": "9", "cpu-index": 0}])"),
              HasSubstr("thread-id"));
  EXPECT_THAT(refusal(parse_vcpus, R"([{"thread-id": -4, "cpu-index": 0}])"),
              HasSubstr("thread-id"));
  EXPECT_THAT(refusal(parse_vcpus, R"([{"thread-id": 4294967297, "cpu-index": 0}])"),
              HasSubstr("thread-id"));
  EXPECT_THAT(refusal(parse_vcpus, R"({})"), HasSubstr("an array"));
  EXPECT_THAT(refusal(parse_vcpus, R"([7])"), HasSubstr("query-cpus-fast"));
}

TEST(IothreadsReply, ReadsThreadsById) {
  const auto iothreads = parse_iothreads(json::parse(
      R"([{"poll-shrink": 0, "thread-id": 14793, "aio-max-batch": 0, "poll-grow": 0,
           "poll-max-ns": 0, "id": "io1"}])"));
  ASSERT_EQ(iothreads.size(), 1);
  EXPECT_EQ(iothreads[0].id, "io1");
  EXPECT_EQ(iothreads[0].tid, Tid(14793));
}

TEST(IothreadsReply, IsEmptyWhereThereAreNone) {
  EXPECT_TRUE(parse_iothreads(json::array()).empty());
}

TEST(KvmReply, TellsBuiltInFromInUse) {
  const auto kvm = parse_kvm(json::parse(R"({"enabled": false, "present": true})"));
  EXPECT_FALSE(kvm.enabled);
  EXPECT_TRUE(kvm.present);
}

TEST(VersionReply, ReadsNumbersAndPackage) {
  const auto version = parse_version(
      json::parse(R"({"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": ""})"));
  EXPECT_EQ(version, (Version{10, 0, 2, ""}));
}

TEST(HotpluggableCpusReply, TellsFreePlacesFromTakenOnes) {
  const auto cpus = parse_hotpluggable_cpus(json::parse(
      R"([{"props": {"core-id": 1, "thread-id": 0, "socket-id": 0}, "vcpus-count": 1,
           "type": "qemu64-x86_64-cpu"},
          {"props": {"core-id": 0, "thread-id": 0, "socket-id": 0}, "vcpus-count": 1,
           "qom-path": "/machine/unattached/device[0]", "type": "qemu64-x86_64-cpu"}])"));
  ASSERT_EQ(cpus.size(), 2);
  EXPECT_EQ(cpus[0].type, "qemu64-x86_64-cpu");
  EXPECT_EQ(cpus[0].props.at("core-id"), 1);
  EXPECT_EQ(cpus[0].qom_path, "");
  EXPECT_EQ(cpus[1].qom_path, "/machine/unattached/device[0]");
}

}  // namespace
}  // namespace kvmrt::qmp
