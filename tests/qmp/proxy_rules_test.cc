// SPDX-License-Identifier: MIT
#include "qmp/proxy_rules.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kvmrt::qmp {
namespace {

using Kind = Verdict::Kind;

Kind judge(const char* command, const char* arguments = "{}", bool cpu_hotplug = false) {
  return judge_command(command, nlohmann::json::parse(arguments), ProxyPolicy{cpu_hotplug}).kind;
}

TEST(ProxyRules, AllowQuestions) {
  EXPECT_EQ(judge("query-status"), Kind::allow);
  EXPECT_EQ(judge("qom-get"), Kind::allow);
  EXPECT_EQ(judge("human-monitor-command", R"({"command-line": "info cpus"})"), Kind::allow);
}

TEST(ProxyRules, NoteWhatChangesTheRunStateOrMakesThreads) {
  for (const char* command : {"quit", "cont", "stop", "system_reset", "system_powerdown"})
    EXPECT_EQ(judge(command), Kind::note) << command;
  EXPECT_EQ(judge("object-add", R"({"qom-type": "iothread", "id": "x"})"), Kind::note);
  EXPECT_EQ(judge("device_add", R"({"driver": "virtio-net-pci"})"), Kind::note);
}

TEST(ProxyRules, RefuseAVcpuThatThePlanHasNoPlaceFor) {
  constexpr const char* kVcpu = R"({"driver": "host-x86_64-cpu", "core-id": 1})";
  EXPECT_EQ(judge("device_add", kVcpu), Kind::refuse);
  EXPECT_EQ(judge("device_add", kVcpu, true), Kind::note);
}

TEST(ProxyRules, KeepTheDecisionOverTheEnd) {
  EXPECT_EQ(judge("set-action", R"({"panic": "none"})"), Kind::refuse);
}

TEST(ProxyRules, ProtectTheSupervisorsMonitor) {
  EXPECT_EQ(judge("chardev-remove", R"({"id": "qmp"})"), Kind::refuse);
  EXPECT_EQ(judge("chardev-remove", R"({"id": "serial1"})"), Kind::allow);
}

TEST(ProxyRules, SeeThroughTheHumanMonitor) {
  EXPECT_EQ(judge("human-monitor-command", R"({"command-line": "  q"})"), Kind::refuse);
  EXPECT_EQ(judge("human-monitor-command", R"({"command-line": "device_add host-x86_64-cpu"})"),
            Kind::refuse);
}

TEST(ProxyRules, PutUpWithArgumentsOfTheWrongType) {
  EXPECT_EQ(judge("device_add", R"({"driver": 3})"), Kind::note);
  EXPECT_EQ(judge("human-monitor-command", R"({"command-line": ["q"]})"), Kind::allow);
}

}  // namespace
}  // namespace kvmrt::qmp
