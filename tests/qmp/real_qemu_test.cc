// SPDX-License-Identifier: MIT
// The client and the inherited socket against a real QEMU without a guest, stopped at its start.
#include "real_qemu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "qmp/commands.h"
#include "qmp/message.h"
#include "qmp/task.h"

namespace kvmrt::qmp::test {
namespace {

using boost::asio::awaitable;
using ::testing::Contains;

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

TEST(RealQemuClient, UnderstandsEveryCommandAndIsUnderstood) {
  if (!have_qemu()) GTEST_SKIP() << kQemu << " is not installed";
  RealQemu qemu;
  boost::asio::io_context io(1);
  Client client(io, std::move(qemu.monitor.connected));
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
  const int status = qemu.wait(!client.closed());

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
}  // namespace kvmrt::qmp::test
